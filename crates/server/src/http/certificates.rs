//! Certificates of machines: how they get one, and where they have to show it.
//!
//! Invariant: a certificate gives no right. Over TLS a machine's claim counts only on a connection that showed the
//! certificate of the same machine, valid now; the one exception is the request for a certificate, so that a machine whose
//! certificate has expired can renew it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::Response;
use evidence::claim::Claim;
use listen::Peer;
use tls::{PeerCertificate, PublicKey, Role};
use wire::{CertificateAnswer, CertificateRequest, Credential, ProblemKind};

use super::machines::{claim, is_for, malformed};
use super::problem::Failure;
use super::requester::blocking;
use super::right::credential;
use crate::caller::Caller;
use crate::clock;
use crate::shared::Shared;

/// Issues a certificate of a day for the machine that signed the claim.
pub async fn issue(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    uri: Uri,
    body: axum::body::Bytes,
) -> Result<Json<CertificateAnswer>, Failure> {
    let claim = claim(&headers)?;
    is_for(&claim, &body)?;
    let CertificateRequest { key } = serde_json::from_slice(&body).map_err(malformed)?;
    let key = PublicKey::from_base64(&key).map_err(malformed)?;
    let asked = shared.claimed_operation(&Method::POST, &uri);
    blocking(move || {
        let Some(certificates) = &shared.certificates else {
            return Err(Failure::new(ProblemKind::NotFound, NO_LISTENER));
        };
        let now = clock::now();
        let caller = shared.gatekeeper.machine(&shared.intake.state(), &claim, &asked, now)?;
        let (role, name) = match caller {
            Caller::Runner(name) => (Role::Runner, name),
            Caller::Agent(name, _) => (Role::Agent, name),
            Caller::Owner | Caller::Anybody | Caller::Person(_) => {
                return Err(Failure::new(ProblemKind::Unauthenticated, "only machines get certificates"));
            }
        };
        let chain = certificates.issue(role, name, &key, now).map_err(Failure::failed)?;
        Ok(CertificateAnswer { chain: chain.to_pem(), expires: now.later_by(tls::VALIDITY) })
    })
    .await
    .map(Json)
}

/// Refuses a claim over TLS without the certificate of the machine that made it.
pub async fn shown(request: Request, next: Next) -> Result<Response, Failure> {
    let over_tls = request.extensions().get::<Peer>().is_some_and(Peer::is_over_tls);
    if over_tls
        && !(request.method() == Method::POST && request.uri().path() == PATH)
        && let Some(Credential::Claim(claim)) = credential(request.headers())
    {
        let unproven = |what: String| Failure::new(ProblemKind::Unauthenticated, what);
        let claim = Claim::read(&claim).map_err(|error| unproven(error.to_string()))?;
        let shown = request.extensions().get::<PeerCertificate>();
        let shown = shown.ok_or_else(|| unproven(NO_CERTIFICATE.to_owned()))?;
        let is_of = shown.is_of(claim.installation, &claim.machine, clock::now());
        is_of.map_err(|error| unproven(error.to_string()))?;
    }
    Ok(next.run(request).await)
}

const PATH: &str = "/api/v1/certificates";
const NO_LISTENER: &str = "this server has no listener for other machines, so nobody needs a certificate; `countersign server \
                           --tls ADDRESS` starts one";
const NO_CERTIFICATE: &str =
    "over TLS a machine's claim counts only beside its certificate, and this connection showed none";
