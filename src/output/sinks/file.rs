//! An event file that begins anew when it is large or old, and compresses what it leaves behind.

use crate::base::Timestamp;
use std::fs::{File, OpenOptions, rename};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

/// The compression level of zstd: its own default.
const LEVEL: i32 = 3;

/// The file. Whole lines are written at once, so it never breaks one.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    out: BufWriter<File>,
    written: u64,
    /// Bytes and packet time after which it begins anew; none, never.
    bytes_max: Option<u64>,
    age_max: Option<Duration>,
    began: Option<Timestamp>,
    now: Timestamp,
    compress: bool,
    compressing: Option<JoinHandle<io::Result<()>>>,
}

impl RotatingFile {
    /// Opens the file and appends to what is there.
    ///
    /// # Errors
    /// Those of opening.
    pub fn open(
        path: &Path,
        bytes_max: Option<u64>,
        age_max: Option<Duration>,
        compress: bool,
    ) -> io::Result<Self> {
        let (out, written) = append(path)?;
        Ok(Self {
            path: path.to_owned(),
            out,
            written,
            bytes_max,
            age_max,
            began: None,
            now: Timestamp::default(),
            compress,
            compressing: None,
        })
    }

    /// Tells the packet time; begins anew when the file is too old or too large.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        self.now = self.now.max(now);
        let began = *self.began.get_or_insert(now);
        let old = self.age_max.is_some_and(|max| now.since(began) >= max);
        let large = self.bytes_max.is_some_and(|max| self.written >= max);
        if self.written > 0 && (old || large) { self.rotate() } else { Ok(()) }
    }

    /// Opens the file by its name again, for those who moved it away.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn reopen(&mut self) -> io::Result<()> {
        self.out.flush()?;
        (self.out, self.written) = append(&self.path)?;
        self.began = None;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let aside = self.aside();
        self.out.flush()?;
        rename(&self.path, &aside)?;
        self.reopen()?;
        self.wait()?;
        if self.compress {
            let work = move || compress(&aside);
            self.compressing = Some(std::thread::Builder::new().name("rotate".to_owned()).spawn(work)?);
        }
        Ok(())
    }

    /// A name with the time in it that nothing has yet: `events-20260301T120009.jsonl`.
    fn aside(&self) -> PathBuf {
        let stamp: String =
            self.now.to_string().chars().take(19).filter(|c| c.is_ascii_digit() || *c == 'T').collect();
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let end = self.path.extension().map_or(String::new(), |e| format!(".{}", e.to_string_lossy()));
        let name = |n: u32| {
            let number = if n == 0 { String::new() } else { format!(".{n}") };
            self.path.with_file_name(format!("{stem}-{stamp}{number}{end}"))
        };
        let taken = |path: &PathBuf| path.exists() || zst(path).exists();
        (0..u32::MAX).map(name).find(|path| !taken(path)).unwrap_or_else(|| name(u32::MAX))
    }

    /// Waits for a compression that still runs: one at a time.
    fn wait(&mut self) -> io::Result<()> {
        let Some(thread) = self.compressing.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|_| Err(io::Error::other("compression failed")))
    }
}

impl Write for RotatingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.out.write(bytes)?;
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for RotatingFile {
    fn drop(&mut self) {
        // Who must know whether it was written calls `flush`.
        let _ = self.out.flush();
        let _ = self.wait();
    }
}

fn append(path: &Path) -> io::Result<(BufWriter<File>, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let written = file.metadata()?.len();
    Ok((BufWriter::with_capacity(1 << 16, file), written))
}

fn zst(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".zst");
    name.into()
}

/// Compresses a file beside itself; the plain one goes only when the other is whole.
fn compress(path: &Path) -> io::Result<()> {
    let target = zst(path);
    let mut out = File::create(&target)?;
    zstd::stream::copy_encode(BufReader::new(File::open(path)?), &mut out, LEVEL)?;
    out.sync_all()?;
    std::fs::remove_file(path)
}
