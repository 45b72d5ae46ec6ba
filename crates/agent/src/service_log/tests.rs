//! Tests of the log: limits, a full disk, links in its place, a pipe that stays open.

use super::*;

#[test]
fn a_log_that_grows_is_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("service.log");
    let log = ServiceLog::with(Some(path.clone()), 20);
    for line in ["first line\n", "second\n", "third line\n"] {
        log.append(line.as_bytes());
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "third line\n");
    assert_eq!(fs::read_to_string(path.with_extension("log.1")).unwrap(), "first line\nsecond\n");
    assert_eq!(log.since(0, 100).1, b"first line\nsecond\nthird line\n");
    assert_eq!(log.since(18, 5), (18, b"third".to_vec()));
    assert_eq!(log.since(99, 5), (29, Vec::new()));
}

/// `/dev/full` would not be a plain file, so a missing directory represents the full disk.
#[test]
fn what_the_disk_does_not_take_is_counted_and_holds_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("later/service.log");
    let log = ServiceLog::with(Some(path.clone()), 1000);
    log.append(b"lost\n");
    fs::create_dir(dir.path().join("later")).unwrap();
    log.append(b"kept\n");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, "[5 bytes were lost here: the disk could not write them]\nkept\n");
    let file = log.file.lock().unwrap();
    assert_eq!(file.dropped, 0);
}

#[test]
fn attack_links_and_pipes_in_the_place_of_the_log_are_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let (path, victim) = (dir.path().join("service.log"), dir.path().join("victim"));
    fs::write(&victim, "as it was").unwrap();
    std::os::unix::fs::symlink(&victim, &path).unwrap();
    let log = ServiceLog::with(Some(path.clone()), 1000);
    log.append(b"x");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "as it was");
    fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    log.append(b"x");
    assert_eq!(log.end(), 2);
}

/// A process that left the service's enclosure may hold its pipe without end.
#[test]
fn a_pipe_that_stays_open_holds_nobody_up() {
    let log = ServiceLog::in_memory();
    let (read, mut write) = io::pipe().unwrap();
    let flow = log.take(read).unwrap();
    write.write_all(b"\none\ntwo\n\n").unwrap();
    while log.end() < 10 {}
    assert_eq!(log.last_lines(&flow), "one\ntwo");
    drop(write);
}
