use memoria_tasks::{
    TaskError,
    print::{print, println},
    runs::{Comparison, Results},
};

use crate::options::Compare;

pub(crate) fn run(options: &Compare) -> Result<(), TaskError> {
    let mut results = Vec::new();
    for path in &options.runs {
        results.push((path.display().to_string(), Results::read(path)?));
    }
    let comparison = Comparison::new(&results)?;
    print(&comparison.table());
    if let Some(path) = &options.svg {
        comparison.draw(path)?;
        println(&format!("\nPicture: {}", path.display()));
    }
    Ok(())
}
