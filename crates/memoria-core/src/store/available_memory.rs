use burn::backend::{Backend, tensor::Device};
use sysinfo::{MemoryRefreshKind, System};

use crate::store::computes_on_host;

/// Bytes of memory that a program can still get: the available memory of the machine, or the rest of a limit that the
/// system has set, for example for a container. `None` if that is not known.
pub(crate) fn available_memory() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let available = match system.cgroup_limits() {
        Some(limits) => limits.free_memory.min(system.available_memory()),
        None => system.available_memory(),
    };
    (available > 0).then_some(available)
}

/// Bytes that tensors on this device can still get, if they lie in the host's memory; `None` if they do not, or if that
/// is not known.
pub fn available_memory_of<B: Backend>(device: &Device<B>) -> Option<u64> {
    computes_on_host::<B>(device).then(available_memory).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_running_machine_has_some() {
        let available = available_memory().unwrap();
        assert!((1 << 20..1 << 50).contains(&available), "{available}");
    }
}
