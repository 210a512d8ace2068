use std::path::Path;

use memoria_tasks::{
    TaskError,
    config::{RunConfig, SHIPPED, Shipped, TaskName},
    print::print,
};

use crate::options::Configs;

pub(crate) fn run(options: &Configs) -> Result<(), TaskError> {
    let Some(name) = &options.name else {
        let row = |shipped: &Shipped| vec![shipped.name.to_owned(), shipped.about()];
        let width = SHIPPED.iter().map(|shipped| shipped.name.len()).max().unwrap_or(0);
        for row in SHIPPED.iter().map(row) {
            print(&format!("{:<width$}  {}\n", row[0], row[1]));
        }
        return Ok(());
    };
    let Some(shipped) = Shipped::named(name) else {
        let expected = "one of those that `memoria configs` lists";
        return Err(TaskError::option("the configuration", expected, name));
    };
    if !options.full {
        print(shipped.text);
        return Ok(());
    }
    let task = shipped.task().unwrap_or(TaskName::Recall);
    print(&RunConfig::read(task, Some(Path::new(name)), &[])?.to_toml());
    Ok(())
}
