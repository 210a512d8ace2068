use std::fmt;

/// Which tensors of a checkpoint and which parameters of a model were loaded.
///
/// Tensors have their names in the file. Parameters have the names that they would have in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Parameters that were loaded.
    pub loaded: usize,
    /// Parameters that the file lacks; they are as initialized.
    pub missing: Vec<String>,
    /// Parameters of the memory, in a file that has none of them; they are as initialized.
    pub initialized_memory: Vec<String>,
    /// Tensors of the file with a name of no parameter of the model, and copies of loaded tensors: the same numbers
    /// under a second name, or in a second file, as `file: name`.
    pub unused: Vec<String>,
}

impl LoadReport {
    /// Whether every parameter was loaded.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.initialized_memory.is_empty()
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} parameters loaded", self.loaded)?;
        let lists = [
            (&self.missing, "are missing and as initialized"),
            (&self.initialized_memory, "are the memory's and as initialized"),
            (&self.unused, "of the file are unused"),
        ];
        for (names, what) in lists {
            if !names.is_empty() {
                write!(f, "; {} {what}: {}", names.len(), names.join(", "))?;
            }
        }
        Ok(())
    }
}
