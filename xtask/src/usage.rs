//! The tasks, as they are shown to a person who asks for none or for one that is not there.

/// What `cargo x` prints; pages may name no other task.
pub const USAGE: &str = "usage: cargo x <task>

  setup          look for the tools that the project needs, and turn on the hook that reads commit messages
  setup --peers  fetch and build other people's programs to compare with, below target/peers
  check          formatting, lints, laws of the tree, pages, tests, documentation, licences
  tidy           the laws of the tree alone
  docs           the pages against the program alone: links, commands, names
  words [PATH]   idioms that STYLE.md replaces by plain words, in all files or below PATH
  words --lower  write into xtask/src/tidy/words-allowed.txt where fewer are left
  test [ARGS]    all tests; ARGS go to the test runner
  test --peers [ARGS]  the same, with other people's programs beside ours instead of skipping them
  test --browser [TEXT]  pages of the console in Chromium: all tests, or those whose names contain TEXT
  screens        pictures of the console of the demo, into docs/screens
  package [--binary FILE]  the `.deb` of the binary of the profile `dist`, or of FILE, below target/package
  bench [ARGS]   figures with their floors; `pages` alone also makes a large installation, below target/seeded; `hosts` alone are those of several hosts, `drift` alone what watching for drift costs and how soon it is seen, `rollback` alone how soon a bad canary is back, `splitter` alone those of the splitter beside HAProxy and h2load
  mutants [TEXT] the judge without each of its conditions, against every forgery; TEXT: only those with it in file or text
  fuzz SECONDS [PARSER]  every parser of foreign bytes under libFuzzer, and its record
  sim [ARGS]     the whole product under virtual time and seeded faults: --seed N --hours H --count C --tell
  seed DIR RELEASES [--entries N] [--seed N] [--end MOMENT]  an installation of that size, to open and to measure
  accept AREA [TEXT]  the acceptance lines of an area, or those that contain TEXT, each run for real";
