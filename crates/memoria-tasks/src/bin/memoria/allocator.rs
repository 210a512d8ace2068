//! Memory that is kept for the next step.

/// Has the C library keep freed memory, which it otherwise gives back to the system after every operation of a step and
/// asks for again: each page of it is then mapped and cleared anew. In training that took from a quarter to a half of
/// the time.
///
/// glibc reads it from the environment only, when a program begins; so the program begins once more. Where that fails,
/// or the variables are set already, it goes on as it is.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn keep_memory() {
    use std::{env, os::unix::process::CommandExt, process::Command};

    // Bytes: as good as never trim the heap; map by themselves only blocks beyond 1 GiB.
    const KEPT: [(&str, &str); 2] =
        [("MALLOC_TRIM_THRESHOLD_", "17179869184"), ("MALLOC_MMAP_THRESHOLD_", "1073741824")];
    if KEPT.iter().any(|(name, _)| env::var_os(name).is_some()) {
        return;
    }
    let mut arguments = env::args_os();
    if let (Ok(program), Some(name)) = (env::current_exe(), arguments.next()) {
        // Returns only if it fails.
        let _ = Command::new(program).arg0(name).args(arguments).envs(KEPT).exec();
    }
}

/// Other C libraries keep what is freed.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep_memory() {}
