//! A file of lines that outlives a full disk: what cannot be written waits in memory, and when that is full, whole lines
//! are dropped and counted. No line is ever written in part and then followed by another.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use swarmscope::base::Timestamp;
use swarmscope::output::sinks::RotatingFile;

/// Most bytes that wait.
const WAITING_MAX: usize = 8 << 20;

/// Where lines go.
pub(super) enum Target {
    /// A file that is appended to, and opened anew when asked to.
    File(PathBuf, File),
    /// The same, put aside and begun anew when it is large or old.
    Rotating(Box<RotatingFile>),
    /// Standard output, or in tests anything.
    Stream(Box<dyn Write + Send>),
}

impl Target {
    /// Opens a file, made if it is not there, for its owner and group alone.
    pub(super) fn file(path: &Path) -> io::Result<Self> {
        append(path).map(|file| Self::File(path.to_owned(), file))
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::File(_, file) => file,
            Self::Rotating(file) => file,
            Self::Stream(stream) => stream,
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

/// Takes lines at any time, and writes them when told to.
pub(super) struct Spool {
    target: Target,
    waiting: Vec<u8>,
    /// The line that is being put together.
    line: Vec<u8>,
    /// Lines that were dropped since nothing more could wait.
    pub(super) dropped: u64,
    /// Why writing fails, as long as it does.
    pub(super) failing: Option<io::ErrorKind>,
}

impl Spool {
    pub(super) fn new(target: Target) -> Self {
        Self { target, waiting: Vec::new(), line: Vec::new(), dropped: 0, failing: None }
    }

    /// Writes what waits, as far as that goes.
    pub(super) fn drain(&mut self) {
        let mut written = 0;
        self.failing = None;
        while let Some(rest) = self.waiting.get(written..).filter(|rest| !rest.is_empty()) {
            match self.target.writer().write(rest) {
                Ok(0) => self.failing = Some(io::ErrorKind::WriteZero),
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => self.failing = Some(error.kind()),
            }
            if self.failing.is_some() {
                break;
            }
        }
        self.waiting.drain(..written.min(self.waiting.len()));
        if self.failing.is_none()
            && let Err(error) = self.target.writer().flush()
        {
            self.failing = Some(error.kind());
        }
    }

    /// Writes what waits, and puts the file aside when it is large or old at `now`: between two lines.
    pub(super) fn tick(&mut self, now: Timestamp) {
        self.drain();
        if let Target::Rotating(file) = &mut self.target
            && self.failing.is_none()
            && self.waiting.is_empty()
            && let Err(error) = file.tick(now)
        {
            self.failing = Some(error.kind());
        }
    }

    /// Opens the file anew, after it was rotated away. When that fails the old one goes on.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        self.drain();
        match &mut self.target {
            Target::File(path, file) => {
                *file = append(path)?;
            }
            Target::Rotating(file) => file.reopen()?,
            Target::Stream(_) => {}
        }
        Ok(())
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                if self.waiting.len() + self.line.len() <= WAITING_MAX {
                    self.waiting.append(&mut self.line);
                } else {
                    self.dropped += 1;
                    self.line.clear();
                }
            }
        }
        Ok(bytes.len())
    }

    /// Does nothing: see [`Spool::drain`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A disk with so many bytes free.
    #[derive(Clone)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (content, free) = &mut *self.0.lock().unwrap();
            let fits = bytes.len().min(*free).min(7);
            if fits == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            content.extend_from_slice(&bytes[..fits]);
            *free -= fits;
            Ok(fits)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_stay_whole_over_a_full_disk_and_the_dropped_are_counted() {
        let disk = Disk(Arc::new(Mutex::new((Vec::new(), 100))));
        let mut spool = Spool::new(Target::Stream(Box::new(disk.clone())));
        let total: u64 = 100_000;
        for number in 0..total {
            // In pieces, as a formatter writes.
            write!(spool, "{number:0>99}").unwrap();
            spool.write_all(b"\n").unwrap();
            if number % 1_000 == 0 {
                spool.drain();
            }
        }
        assert_eq!(spool.failing, Some(io::ErrorKind::StorageFull));
        assert!(spool.waiting.len() <= WAITING_MAX);
        disk.0.lock().unwrap().1 = usize::MAX;
        spool.drain();
        assert_eq!((spool.failing, spool.waiting.len()), (None, 0));
        let content = disk.0.lock().unwrap().0.clone();
        let lines: Vec<u64> =
            String::from_utf8(content).unwrap().lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(lines.len() as u64 + spool.dropped, total);
        assert!(lines.iter().copied().eq(0..lines.len() as u64), "the oldest are kept, in their order");
    }

    #[test]
    fn a_file_that_was_rotated_away_is_opened_anew() {
        let folder = std::env::temp_dir().join(format!("swarmscope-spool-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (path, old) = (folder.join("e.jsonl"), folder.join("e.jsonl.1"));
        let mut spool = Spool::new(Target::file(&path).unwrap());
        spool.write_all(b"1\n").unwrap();
        spool.drain();
        std::fs::rename(&path, &old).unwrap();
        spool.write_all(b"2\n").unwrap();
        spool.reopen().unwrap();
        spool.write_all(b"3\n").unwrap();
        spool.drain();
        let read = |path| std::fs::read_to_string(path).unwrap();
        assert_eq!((read(&old).as_str(), read(&path).as_str()), ("1\n2\n", "3\n"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
