//! Where a rotation gets its next value from, and how the former one ends: programs of the person, standard input, or two users
//! of a PostgreSQL server.
//!
//! Invariant: a program is started without a shell, and gets no value: neither as argument nor in a variable. A value that
//! it prints is in memory alone. Each program has the recipe's time.

use std::io::{self, IsTerminal as _};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use client::rotation::Journal;
use client::secret_values as values;
use evidence::rotation_recipe::{Credential, PostgresTurns, RotationRecipe, Source};
use mint::{Admin, RoleName, Target, Turns};
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The users of a recipe, held, if its source has users.
pub fn hold(recipe: &RotationRecipe, runtime: &Runtime) -> Result<Option<Turns>, Failure> {
    let Source::Postgres(postgres) = &recipe.source else { return Ok(None) };
    let admin = admin(postgres, recipe.wait())?;
    let target = Target {
        host: postgres.host.clone(),
        port: postgres.port.unwrap_or(POSTGRES_PORT),
        database: postgres.database.parse()?,
        authority: postgres.authority.clone(),
    };
    Ok(Some(runtime.block_on(Turns::take(&target, &admin, users(postgres)?))?))
}

/// The user whose turn it is: the one that may not log in.
pub fn turn(
    recipe: &RotationRecipe,
    turns: Option<&Turns>,
    former: u32,
    runtime: &Runtime,
) -> Result<Option<String>, Failure> {
    let (Source::Postgres(postgres), Some(turns)) = (&recipe.source, turns) else { return Ok(None) };
    let [one, other] = &postgres.users;
    match runtime.block_on(turns.may_log_in())? {
        [true, false] => Ok(Some(other.clone())),
        [false, true] => Ok(Some(one.clone())),
        [false, false] if former == 0 => Ok(Some(one.clone())),
        [false, false] => Err(Failure::error(format!(
            "neither `{one}` nor `{other}` may log in, so nobody can say which of them version {former} is about: let that one log in"
        ))),
        [true, true] => Err(Failure::error(format!(
            "`{one}` and `{other}` may both log in, so nobody can say which of them is in use: either a rotation of them is under way \
             on another machine, or the one that is not in use has to lose that right: ALTER ROLE ... NOLOGIN"
        ))),
    }
}

/// Makes the next value.
pub fn make(
    recipe: &RotationRecipe,
    journal: &Journal,
    turns: Option<&Turns>,
    runtime: &Runtime,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    match &recipe.source {
        Source::Input if io::stdin().is_terminal() => Err(Failure::usage(
            "the recipe takes the value from standard input, and a terminal would show it: send it from a program through a pipe",
        )),
        Source::Input => Ok(values::read_pipe(io::stdin().lock())?),
        Source::Command(words) => printed(words, journal, recipe.wait()),
        Source::Postgres(postgres) => {
            let (Some(turns), Some(user)) = (turns, journal.user.as_ref()) else {
                return Err(Failure::error("the journal of the rotation names no user of the database"));
            };
            let password = runtime.block_on(turns.give(&user.parse()?))?;
            Ok(Zeroizing::new(postgres.value(user, &password).into_bytes()))
        }
    }
}

/// Ends the former value; `false` if the recipe has no way to.
pub fn retire(
    recipe: &RotationRecipe,
    journal: &Journal,
    turns: Option<&Turns>,
    runtime: &Runtime,
) -> Result<bool, Failure> {
    if let (Source::Postgres(postgres), Some(turns)) = (&recipe.source, turns) {
        let former = postgres.users.iter().find(|user| Some(*user) != journal.user.as_ref());
        let Some(former) = former.filter(|_| journal.user.is_some()) else { return Ok(false) };
        runtime.block_on(turns.end(&former.parse()?))?;
        return Ok(true);
    }
    let Some(retire) = &recipe.retire else { return Ok(false) };
    let mut child = started(&retire.command, Some(journal), Stdio::inherit())?;
    ended(&retire.command, &mut child, Instant::now() + recipe.wait())?;
    Ok(true)
}

fn users(postgres: &PostgresTurns) -> Result<[RoleName; 2], Failure> {
    let [one, other] = &postgres.users;
    Ok([one.parse()?, other.parse()?])
}

fn admin(postgres: &PostgresTurns, time: Duration) -> Result<Admin, Failure> {
    let credential = match &postgres.credential {
        Credential::File(path) => values::read_private_file(path.as_ref())?,
        Credential::Command(words) => {
            let mut child = started(words, None, Stdio::piped())?;
            output_of(words, &mut child, time)?
        }
    };
    Ok(Admin::parse(&credential)?)
}

/// The value that a program prints, without the line feed at its end.
fn printed(words: &[String], journal: &Journal, time: Duration) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut child = started(words, Some(journal), Stdio::piped())?;
    let mut value = output_of(words, &mut child, time)?;
    if value.last() == Some(&b'\n') {
        value.pop();
    }
    if value.is_empty() {
        return Err(Failure::error(format!("{} printed no value", named(words))));
    }
    Ok(value)
}

fn output_of(words: &[String], child: &mut Child, time: Duration) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let until = Instant::now() + time;
    let Some(out) = child.stdout.take() else { return Ok(Zeroizing::default()) };
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| values::read_pipe(out));
        // The pipe closes when the program ends, whichever of the two is waited for first.
        let done = ended(words, child, until);
        let read = reading.join().map_err(|_| io::Error::from(io::ErrorKind::Other))?;
        done?;
        Ok(read?)
    })
}

/// A program of the person, which is told what is rotated.
fn started(words: &[String], journal: Option<&Journal>, out: Stdio) -> Result<Child, Failure> {
    let (program, arguments) = words.split_first().ok_or_else(|| Failure::error("a program has no name"))?;
    let mut command = runner::program::of_person(program);
    command.args(arguments).stdin(Stdio::null()).stdout(out);
    if let Some(journal) = journal {
        command.env("COUNTERSIGN_SECRET", journal.secret.to_string());
        command.env("COUNTERSIGN_NUMBER", journal.number.to_string());
        command.env("COUNTERSIGN_FORMER", journal.former.number.to_string());
        command.envs(journal.place.as_ref().map(|place| ("COUNTERSIGN_PLACE", place.to_string())));
    }
    command.spawn().map_err(|error| Failure::error(format!("{} did not start: {error}", named(words))))
}

/// Waits for a program's end, and ends it if it takes too long.
fn ended(words: &[String], child: &mut Child, until: Instant) -> Result<(), Failure> {
    let status: ExitStatus = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            return Err(Failure::error(format!("{} did not end in time and was killed", named(words))));
        }
        std::thread::sleep(LOOK);
    };
    if status.success() {
        return Ok(());
    }
    Err(Failure::error(format!("{} failed: {status}", named(words))))
}

/// A program in a message; its arguments may be long.
fn named(words: &[String]) -> String {
    format!("`{}`", shown::line(words.first().map_or("", String::as_str)))
}

const POSTGRES_PORT: u16 = 5432;
const LOOK: Duration = Duration::from_millis(20);
