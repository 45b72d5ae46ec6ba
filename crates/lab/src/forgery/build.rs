//! Source, receipts, artifact and plan: the build differs from the evidence.

use evidence::dsse::Envelope;
use evidence::plan::StepBefore;
use evidence::receipt::{Ending, Output, Receipt, Work};
use evidence::status::Revocation;
use evidence::tree_list::TreeList;
use evidence::{Bytes, Digest, Id, oci};

use super::people::agree;
use super::people::enrol;
use super::row::{Forgery, forged, patched};
use crate::assemble::{opened, summary};
use crate::commits::{CommitContent, commit};
use crate::files::{PIPELINE_LENT, PIPELINE_LENT_BEFORE};
use crate::parts::{PIPELINE_IMAGE, PIPELINE_MORE, Parts, built, output, plan};
use crate::world::{Lab, at, id, lax_policy, name};

pub(super) fn rows() -> Vec<Forgery> {
    [source(), co_authors(), artifact(), receipts(), images(), chains(), links()].concat()
}

fn co_authors() -> Vec<Forgery> {
    fn row(name: &'static str, pieces: fn(&Lab, &mut Parts)) -> Forgery {
        forged(name, "approvals-missing", pieces)
    }
    vec![
        forged("an unknown co-author without an address", "identity-unmapped", |lab, parts| {
            of_message(lab, parts, "a change\n\nCo-authored-by: Zoe\n");
        }),
        forged("an approval by a co-author", "approvals-missing", |lab, parts| {
            of_message(lab, parts, "a change\n\nCo-authored-by: Bob <bob@example.com>\n");
        }),
        forged("an approval by a co-author whom only git would read", "approvals-missing", |lab, parts| {
            of_message(lab, parts, "a change\n\nCo-developed-by :\n Robert\n <BOB@example.com>\n\nmore\n");
        }),
        forged("an approval by a co-author without brackets", "approvals-missing", |lab, parts| {
            of_message(lab, parts, "a change\r\n\r\nCo-authored-by: ada@example.com, bob@example.com\r\n");
        }),
        forged("an approval by a co-author without an address", "approvals-missing", |lab, parts| {
            of_message(lab, parts, "a change\n\nCo-authored-by: Bob B.\n");
        }),
        row("an approval by a co-author by first name alone beside one", |lab, parts| {
            of_message(lab, parts, "a change\n\nCo-authored-by: Bob B., ada <>\n");
        }),
        row("an approval by a co-author of a hyphenated name beside one", |l, p| of_short_name(l, p, "b-b")),
        row("an approval by a co-author of an underscored name beside one", |l, p| {
            of_short_name(l, p, "b_b")
        }),
        forged("an approval by the person who signed the change off", "approvals-missing", |lab, parts| {
            of_message(lab, parts, "a change\n\nSigned-off-by: Bob <bob@example.com>\n");
        }),
    ]
}

fn source() -> Vec<Forgery> {
    vec![
        forged("a commit that nobody signed", "commit-unsigned", |lab, parts| rewrite(lab, parts, None))
            .in_lab(|lab| lab.policy = lax_policy()),
        forged("a commit signed by a stranger", "commit-unsigned", |lab, parts| {
            rewrite(lab, parts, Some(&lab.mallory.commits));
        }),
        forged("a commit signed by a sign-in key", "commit-unsigned", |lab, parts| {
            rewrite(lab, parts, Some(&lab.ada.sign_in));
        }),
        forged("a commit signed by a key that was revoked", "commit-unsigned", |lab, parts| {
            let mut status = lab.status();
            let key = lab.ada.commits.key.fingerprint().to_owned();
            status.revoked = vec![Revocation { key, invalid_since: at(-7_200) }];
            parts.status = lab.signed_status(&status, &[0, 1]);
        }),
        forged("a commit by somebody unknown", "identity-unmapped", |lab, parts| {
            let base = [parts.replaces.1.clone()];
            let written = CommitContent {
                parents: &base,
                email: "stranger@example.com",
                message: "a change",
                signer: Some(&lab.ada.commits),
            };
            source_of(lab, parts, &written);
        }),
        forged("history that is cut short", "range-shallow", |lab, parts| {
            let email = lab.ada.email();
            let unknown = ["c".repeat(40).parse().unwrap()];
            let signer = Some(&lab.ada.commits);
            source_of(
                lab,
                parts,
                &CommitContent { parents: &unknown, email: &email, message: "a change", signer },
            );
        }),
        forged("a commit that does not build on what runs", "range-no-ancestor", |lab, parts| {
            let email = lab.ada.email();
            let signer = Some(&lab.ada.commits);
            source_of(
                lab,
                parts,
                &CommitContent { parents: &[], email: &email, message: "a change", signer },
            );
        }),
        patched("a file that is not the commit's", "source-unsound", |_, bundle| {
            let file = bundle.source.files.values_mut().next().unwrap();
            file.0.extend_from_slice(b"# and more\n");
        }),
        forged("files that the runners listed differently", "tree-differs", |lab, parts| {
            let mut listed = parts.tree.files().to_vec();
            listed[0].sha256 = Digest::of(b"another file");
            parts.tree = TreeList::new(listed).unwrap();
            signed_again(lab, parts, |_| {});
        }),
        forged("an artifact of a step with a secret", "pipeline-unsound", |_, _| {})
            .in_lab(|lab| lab.pipeline = PIPELINE_LENT),
        forged("an artifact of a step after one with a secret", "pipeline-unsound", |_, _| {})
            .in_lab(|lab| lab.pipeline = PIPELINE_LENT_BEFORE),
        forged("a source without a pipeline", "pipeline-missing", |_, parts| {
            parts.source.files.remove(evidence::pipeline::PATH);
        }),
    ]
}

fn artifact() -> Vec<Forgery> {
    vec![
        forged("another artifact", "receipt-chain-broken", |lab, parts| {
            let layer = built().layer;
            let more = [("org.example.note".to_owned(), "another".to_owned())].into();
            parts.manifest = oci::manifest("application/vnd.countersign.artifact", &layer, more).unwrap();
            staged(lab, parts);
            lab.approve(parts);
        }),
        patched("a plan swapped after all was signed", "plan-differs", |_, bundle| {
            bundle.plan.variables.insert("LIMIT".into(), "1000000".into());
        }),
        forged("something that is no manifest", "manifest-unsound", |lab, parts| {
            parts.manifest = b"{}".to_vec();
            lab.approve(parts);
        }),
        forged("a plan with another variable", "plan-differs", |lab, parts| {
            parts.plan.variables.insert("LIMIT".into(), "1000000".into());
            lab.approve(parts);
        }),
        forged("a plan with another command", "plan-differs", |lab, parts| {
            parts.plan.probe.attempts = 1;
            parts.plan.user = "root".into();
            lab.approve(parts);
        }),
        forged(
            "a plan with a step before the release that its file does not have",
            "plan-differs",
            |lab, parts| {
                let command = vec!["bin/api".to_owned(), "--migrate".to_owned()];
                parts.plan.before = vec![StepBefore {
                    name: name("migrate"),
                    command,
                    stop_ms: 1_000,
                    database: None,
                    ssh: [].into(),
                }];
                lab.approve(parts);
            },
        ),
        forged("another configuration", "configuration-differs", |lab, parts| {
            let mut other = crate::world::configuration();
            other.variables.insert("LIMIT".into(), "1000000".into());
            parts.configuration = other.encode().unwrap();
            parts.plan.variables.insert("LIMIT".into(), "1000000".into());
            lab.approve(parts);
        }),
        patched("provenance that says something else", "provenance-unsound", |lab, bundle| {
            let mut other = Envelope::new("application/vnd.in-toto+json", b"{}".to_vec());
            lab.provenance.sign(&mut other).unwrap();
            bundle.provenance = other;
        }),
        patched("provenance signed by another key", "provenance-unsound", |lab, bundle| {
            let payload = bundle.provenance.payload(bundle.provenance.payload_type()).unwrap().to_vec();
            let mut other = Envelope::new(bundle.provenance.payload_type(), payload);
            lab.runners[0].sign(&mut other).unwrap();
            bundle.provenance = other;
        }),
        forged("the plan of another commit", "plan-differs", |lab, parts| {
            let (other, _) = lab.written("another change", std::slice::from_ref(&parts.replaces.1));
            parts.plan = plan("production", &other);
            lab.approve(parts);
        }),
    ]
}

fn receipts() -> Vec<Forgery> {
    vec![
        patched("receipts in another order", "receipts-unsorted", |lab, bundle| {
            bundle.receipts.reverse();
            let receipts: Vec<_> = bundle.receipts.iter().filter_map(opened).collect();
            bundle.provenance = summary(lab, &lab.honest(), &receipts);
        }),
        forged("no receipts", "receipts-missing", |lab, parts| {
            parts.receipts.clear();
            lab.approve(parts);
        })
        .in_lab(|lab| lab.policy = lax_policy()),
        forged("one runner alone", "runners-too-few", |lab, parts| {
            parts.receipts.truncate(3);
            lab.approve(parts);
        }),
        forged("two runners on one host taken for two", "runners-too-few", |_, _| {}).in_lab(|lab| {
            lab.unusual = |root| root.runners[1].place.host = root.runners[0].place.host.to_ascii_uppercase();
        }),
        forged("receipts by a runner of the server's own", "receipt-unsound", |lab, parts| {
            let (run, mine) = (lab.run(parts).idempotency(), Lab::new(64));
            parts.receipts = mine.receipts(parts, run, |_| {});
            lab.approve(parts);
        }),
        forged("a receipt by a runner whose key was revoked", "runner-revoked", |lab, parts| {
            let mut status = lab.status();
            let key = lab.runners[1].public().id().to_string();
            status.revoked = vec![Revocation { key, invalid_since: at(-7_200) }];
            parts.status = lab.signed_status(&status, &[0, 1]);
        }),
        forged("a test that failed", "step-failed", |lab, parts| {
            signed_again(lab, parts, |receipt| {
                if receipt.work == Work::Step(name("test")) {
                    receipt.exit = Ending::Code(1);
                }
            });
        }),
        forged("a failed test left out", "receipt-chain-broken", |lab, parts| {
            parts.receipts.retain(|receipt| work_of(receipt) != Work::Step(name("test")));
            lab.approve(parts);
        }),
        forged("receipts of another run of the commit", "receipt-of-another-run", |lab, parts| {
            let other = Digest::of(b"another request");
            parts.receipts = lab.receipts(parts, other, |_| {});
            lab.approve(parts);
        }),
        forged("receipts of another project", "receipt-differs", |lab, parts| {
            signed_again(lab, parts, |receipt| receipt.project = name("other"));
        }),
        forged("receipts of another commit", "receipt-differs", |lab, parts| {
            signed_again(lab, parts, |receipt| receipt.commit = "d".repeat(40).parse().unwrap());
        }),
        forged("receipts of other files", "receipt-differs", |lab, parts| {
            signed_again(lab, parts, |receipt| receipt.tree = Digest::of(b"other files"));
        }),
        forged("receipts of another pipeline", "receipt-differs", |lab, parts| {
            signed_again(lab, parts, |receipt| receipt.pipeline = Digest::of(b"another pipeline"));
        }),
        forged("receipts of another installation", "receipt-unsound", |lab, parts| {
            signed_again(lab, parts, |receipt| receipt.installation = id(2));
        }),
    ]
}

/// Commands that ran in another image than the pipeline names.
fn images() -> Vec<Forgery> {
    vec![
        forged("receipts of another image", "receipt-differs", |lab, parts| {
            signed_again(lab, parts, in_image(|_| Some(Digest::of(b"another image"))));
        })
        .in_lab(|lab| lab.pipeline = PIPELINE_IMAGE),
        forged("receipts of the host's toolchain in place of an image", "receipt-differs", |lab, parts| {
            signed_again(lab, parts, in_image(|_| None));
        })
        .in_lab(|lab| lab.pipeline = PIPELINE_IMAGE),
        forged("one step in another image", "receipt-differs", |lab, parts| {
            signed_again(
                lab,
                parts,
                in_image(|step| (step != "test").then(|| Digest::from_bytes([0xaa; 32]))),
            );
        })
        .in_lab(|lab| lab.pipeline = PIPELINE_IMAGE),
        forged("receipts of an image that the pipeline does not name", "receipt-differs", |lab, parts| {
            signed_again(lab, parts, in_image(|_| Some(Digest::of(b"an image"))));
        }),
    ]
}

/// A change of the image of each step.
fn in_image(image: impl Fn(&str) -> Option<Digest>) -> impl Fn(&mut Receipt) {
    move |receipt| {
        if let Work::Step(step) = &receipt.work {
            receipt.image = image(step.as_str());
        }
    }
}

/// Runners whose keys were stolen sign chains that lead elsewhere.
fn chains() -> Vec<Forgery> {
    const BROKEN: &str = "receipt-chain-broken";
    vec![
        forged("a step that took other inputs", BROKEN, |lab, parts| {
            signed_again(lab, parts, |receipt| {
                if receipt.work == Work::Step(name("test")) {
                    receipt.inputs.insert("out/api".into(), output(b"another program", true));
                }
            });
        }),
        forged("an artifact of something that no step left", BROKEN, |lab, parts| {
            signed_again(lab, parts, |receipt| {
                if matches!(receipt.work, Work::Artifact(_)) {
                    receipt.inputs.insert("bin/api".into(), output(b"another program", true));
                }
            });
        }),
        forged("a step that the pipeline does not have", BROKEN, |lab, parts| {
            extra(lab, parts, Work::Step(name("other")), |_| {});
        }),
        forged("a step reported twice", BROKEN, |lab, parts| {
            extra(lab, parts, Work::Step(name("test")), |receipt| receipt.log = Digest::of(b"another log"));
        }),
        forged("an artifact put together twice", BROKEN, |lab, parts| {
            extra(lab, parts, Work::Artifact(name("api")), |receipt| receipt.log = Digest::of(b"again"));
        }),
        forged("a receipt for a node of people", BROKEN, |lab, parts| {
            agree(lab, parts);
            extra(lab, parts, Work::Step(name("agreed")), |_| {});
        })
        .in_lab(|lab| lab.pipeline = PIPELINE_MORE),
        forged("no receipt that puts the artifact together", BROKEN, |lab, parts| {
            parts.receipts.retain(|receipt| !matches!(work_of(receipt), Work::Artifact(_)));
            lab.approve(parts);
        }),
        forged("another artifact of the same pipeline", BROKEN, |lab, parts| {
            agree(lab, parts);
            rename_artifact(lab, parts);
        })
        .in_lab(|lab| lab.pipeline = PIPELINE_MORE),
        forged("another layer under the manifest", BROKEN, |lab, parts| {
            signed_again(lab, parts, |receipt| {
                if let Some(layer) = receipt.outputs.get_mut("layer.tar") {
                    *layer = output(b"another layer", false);
                }
            });
        }),
        forged("an artifact with something more", BROKEN, |lab, parts| {
            signed_again(lab, parts, |receipt| {
                if matches!(receipt.work, Work::Artifact(_)) {
                    receipt.outputs.insert("more".into(), output(b"more", false));
                }
            });
        }),
        patched("a manifest with a second layer", "manifest-unsound", |_, bundle| {
            let text = String::from_utf8(bundle.manifest.0.clone()).unwrap();
            let layers = text.split("\"layers\":[").nth(1).unwrap().split(']').next().unwrap().to_owned();
            bundle.manifest = Bytes(text.replace(&layers, &format!("{layers},{layers}")).into_bytes());
        }),
    ]
}

/// Outputs that are links or directories.
fn links() -> Vec<Forgery> {
    const BROKEN: &str = "receipt-chain-broken";
    vec![
        forged("a link where the step before left a file", BROKEN, |lab, parts| {
            signed_again(lab, parts, |receipt| {
                if receipt.work == Work::Step(name("test")) {
                    receipt.inputs.insert("out/api".into(), Output::link("elsewhere"));
                }
            });
        }),
        forged("an artifact with a directory that no step left", BROKEN, |lab, parts| {
            signed_again(lab, parts, |receipt| {
                if matches!(receipt.work, Work::Artifact(_)) {
                    receipt.inputs.insert("bin/spool".into(), Output::directory());
                }
            });
        }),
        forged("a receipt whose link leads out of the workspace", "receipt-unsound", |lab, parts| {
            let outside = Output::link("../../etc/passwd");
            signed_again(lab, parts, |_| {});
            for (number, envelope) in parts.receipts.iter_mut().enumerate() {
                let mut receipt = read(envelope);
                receipt.outputs.values_mut().for_each(|output| *output = outside.clone());
                let bytes = evidence::canonical::encode("receipt", &receipt).unwrap();
                *envelope = Envelope::new(evidence::receipt::PAYLOAD_TYPE, bytes);
                lab.runners[number / 3].sign(envelope).unwrap();
            }
            lab.approve(parts);
        }),
    ]
}

/// Makes the commit again with another signature, and everything after it.
fn rewrite(lab: &Lab, parts: &mut Parts, signer: Option<&crate::Pair>) {
    let base = [parts.replaces.1.clone()];
    let email = lab.ada.email();
    source_of(lab, parts, &CommitContent { parents: &base, email: &email, message: "a change", signer });
}

/// Ada's commit with another message, and everything after it; Bob approves. An address gives Bob this short name, and the
/// message names it without an address beside Ada.
fn of_short_name(lab: &Lab, parts: &mut Parts, short: &str) {
    enrol(lab, parts, &lab.bob, |bob| bob.emails = vec![format!("{short}@example.com")]);
    of_message(lab, parts, &format!("a change\n\nCo-authored-by: {short} ada\n"));
}

pub(super) fn of_message(lab: &Lab, parts: &mut Parts, message: &str) {
    let (base, email) = ([parts.replaces.1.clone()], lab.ada.email());
    let signer = Some(&lab.ada.commits);
    source_of(lab, parts, &CommitContent { parents: &base, email: &email, message, signer });
}

fn source_of(lab: &Lab, parts: &mut Parts, written: &CommitContent<'_>) {
    (parts.source, parts.tree) = commit(&lab.files(), written);
    let arguments = serde_json::json!({ "project": "shop", "commit": parts.source.commit });
    parts.requests[0] = lab.request(&lab.ada, "run", arguments, 70).1;
    parts.plan = plan("production", &parts.source);
    staged(lab, parts);
    signed_again(lab, parts, |_| {});
}

/// Staging runs the artifact of these parts, and Bob promotes the release.
fn staged(lab: &Lab, parts: &mut Parts) {
    let artifact = Digest::of(&parts.manifest);
    let staging = crate::parts::report("staging", 3, artifact, &parts.source.commit);
    parts.reports[0] = lab.report(&staging, &lab.staging);
    parts.requests[1] = lab.promotion(parts, parts.release);
}

/// The receipts with a change, signed by the same keys; approvers saw these changed ones.
pub(super) fn signed_again(lab: &Lab, parts: &mut Parts, change: impl Fn(&mut Receipt)) {
    parts.receipts = lab.receipts(parts, lab.run(parts).idempotency(), change);
    lab.approve(parts);
}

/// Both runners sign one more receipt.
fn extra(lab: &Lab, parts: &mut Parts, work: Work, change: impl Fn(&mut Receipt)) {
    let run = lab.run(parts).idempotency();
    let more = lab.receipts(parts, run, |receipt| {
        if receipt.work == work || works_alike(&work) && receipt.work == Work::Step(name("test")) {
            receipt.nonce = nonce_of(run, &work, receipt);
            receipt.work = work.clone();
            change(receipt);
        } else {
            receipt.nonce = id(0);
        }
    });
    let wanted = |envelope: &Envelope| work_of(envelope) == work && nonce(envelope) != id(0);
    parts.receipts.extend(more.into_iter().filter(wanted));
    lab.approve(parts);
}

/// Whether this is work of no runner here; such steps get the inputs of the test.
fn works_alike(work: &Work) -> bool {
    ["other", "agreed"].iter().any(|step| *work == Work::Step(name(step)))
}

fn nonce_of(run: Digest, work: &Work, receipt: &Receipt) -> Id {
    domain::build::nonce(domain::build::seed(run), work, &receipt.runner)
}

fn read(envelope: &Envelope) -> Receipt {
    let payload = envelope.payload(evidence::receipt::PAYLOAD_TYPE).unwrap();
    evidence::canonical::decode("receipt", payload, 1 << 20).unwrap()
}

fn work_of(envelope: &Envelope) -> Work {
    read(envelope).work
}

fn nonce(envelope: &Envelope) -> Id {
    read(envelope).nonce
}

/// The runners assemble the artifact under a name that the plan does not have.
fn rename_artifact(lab: &Lab, parts: &mut Parts) {
    let run = lab.run(parts).idempotency();
    signed_again(lab, parts, |receipt| {
        if matches!(receipt.work, Work::Artifact(_)) {
            receipt.work = Work::Artifact(name("tool"));
            receipt.nonce = nonce_of(run, &receipt.work, receipt);
        }
    });
}
