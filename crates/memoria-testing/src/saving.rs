//! Programs that save, and are killed or limited: a test runs itself again as another program.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use memoria::MemoriaError;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

/// Number of times that a program is killed. An environment variable can set another number.
const KILLED: u32 = 40;
const KILLED_BY_REQUEST: &str = "MEMORIA_KILLED";
/// The file that the other program saves to.
const FILE: &str = "MEMORIA_SAVED_FILE";

/// The other program: saves alternately until it is killed.
pub fn until_killed(save: [&dyn Fn(&Path); 2]) {
    let Some(file) = env::var_os(FILE) else { return };
    println!("ready");
    for turn in 1.. {
        save[turn % 2](Path::new(&file));
    }
}

/// The other program under limits: fails to save, and prints the error.
pub fn under_limits(save: impl Fn(&Path) -> Result<(), MemoriaError>) {
    let Some(file) = env::var_os(FILE) else { return };
    match save(Path::new(&file)) {
        Err(MemoriaError::Io { what, source }) => println!("refused: {what}: {source}"),
        other => println!("not refused: {other:?}"),
    }
}

/// A folder of one test, with one file in it. It is removed when it is dropped.
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// The file in it.
    pub file: PathBuf,
    _folder: TempDir,
}

impl Folder {
    /// Creates the folder. The file in it is created later.
    pub fn new(file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let file = path.join(file);
        Self { path, file, _folder: folder }
    }

    /// Whether the folder has the file and nothing else.
    pub fn has_only_the_file(&self) -> bool {
        self.entries().iter().eq([self.file.file_name().unwrap().to_str().unwrap()])
    }

    fn entries(&self) -> Vec<String> {
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        fs::read_dir(&self.path).unwrap().map(|entry| name(entry.unwrap())).collect()
    }

    /// Kills a test that saves [`until_killed`], many times. The file always has one of the expected contents.
    pub fn kill_while_saving(&self, test: &str, expected: &[Vec<u8>; 2]) {
        let asked = env::var(KILLED_BY_REQUEST).map(|times| times.parse().unwrap());
        let times: u32 = asked.unwrap_or(KILLED);
        let mut rng = ChaCha8Rng::seed_from_u64(u64::from(std::process::id()));
        let (mut found, mut interrupted) = ([0, 0], 0);
        for _ in 0..times {
            let mut child = self.other(test, "").stdout(Stdio::piped()).spawn().unwrap();
            wait_until_ready(&mut child);
            thread::sleep(Duration::from_micros(rng.random_range(0..60_000)));
            child.kill().unwrap();
            child.wait().unwrap();
            let saved = fs::read(&self.file).unwrap();
            match expected.iter().position(|expected| *expected == saved) {
                Some(which) => found[which] += 1,
                None => panic!("{} bytes that are neither", saved.len()),
            }
            for left in self.entries().into_iter().filter(|name| name.ends_with(".tmp")) {
                interrupted += 1;
                fs::remove_file(self.path.join(left)).unwrap();
            }
        }
        println!(
            "killed {times} times, {interrupted} in the middle of a file; {found:?} were there"
        );
        assert!(interrupted > 0, "no program was killed while writing");
        assert!(self.has_only_the_file());
    }

    /// Returns a command that starts one of the tests as another program, by `bash` after some commands.
    fn other(&self, test: &str, before: &str) -> Command {
        let mut command = Command::new("bash");
        let script = format!("{before} exec \"$0\" \"$@\"");
        command.arg("-c").arg(script).arg(env::current_exe().unwrap());
        command.args(["--exact", test, "--ignored", "--nocapture"]).env(FILE, &self.file);
        command
    }

    /// Runs a test that saves [`under_limits`], with a disk that is full at 100 KiB.
    pub fn refuses_to_grow(&self, test: &str) {
        // Blocks of 1024 bytes. A program beyond the limit is not killed, but gets an error.
        self.refuses_under("trap '' XFSZ; ulimit -f 100;", test, "File too large");
    }

    /// Runs a test that saves [`under_limits`], with a read-only folder.
    pub fn refuses_when_read_only(&self, test: &str) {
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o555)).unwrap();
        // Permissions do not limit root while it has this capability.
        let probe = self.path.join("probe");
        let is_bound = fs::write(&probe, "").is_err();
        let without = "exec setpriv --bounding-set=-dac_override,-dac_read_search \
            --inh-caps=-dac_override,-dac_read_search \"$0\" \"$@\";";
        let limits = if is_bound { "" } else { without };
        if !is_bound {
            fs::remove_file(probe).unwrap();
        }
        if is_bound || Command::new("setpriv").arg("--version").output().is_ok() {
            self.refuses_under(limits, test, "Permission denied");
        } else {
            println!("not tested: root, and no setpriv to give up what root may do");
        }
    }

    fn refuses_under(&self, limits: &str, test: &str, because: &str) {
        let before = fs::read(&self.file).unwrap();
        let output = self.other(test, limits).output().unwrap();
        // So that the folder can be removed, even if a check below fails.
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o755)).unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("refused: ") && !text.contains("not refused"), "{output:?}");
        assert!(text.contains(because), "{text}");
        assert!(fs::read(&self.file).unwrap() == before, "the old one is gone");
        assert!(self.has_only_the_file(), "something is left");
    }
}

/// Waits until the other program saves.
fn wait_until_ready(child: &mut Child) {
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready")));
}
