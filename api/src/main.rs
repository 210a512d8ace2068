//! Compares the public interface of each crate with its list beside this program; `--update` writes the lists.
//!
//! A list has a line for each feature, public item and trait of a type; `{ .. }` are private fields, or a method that
//! a trait provides. What follows from other lines is left out: methods of a trait where it is implemented, and the
//! traits that nearly every type has by itself, such as `Send`. A type without one of them has a line that says so.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use rustdoc_types::{Crate, FORMAT_VERSION, Id, Impl, ItemEnum, StructKind};
use serde_json::Value;

/// Traits that only the standard library and the compiler use.
const INTERNAL: [&str; 3] = ["Freeze", "StructuralPartialEq", "UnsafeUnpin"];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let update = match env::args().nth(1).as_deref() {
        None => false,
        Some("--update") => true,
        Some(other) => {
            eprintln!("error: there is `--update`, and no `{other}`");
            return ExitCode::FAILURE;
        }
    };
    match compare_all(update) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("\n{CHANGED}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

const CHANGED: &str = "\
The public interface is not what the lists in `api` say: - is gone, + is new, what has changed is both.
What is gone or changed breaks the code of its users; a new field, variant or `impl !Send` may, too.
If it is meant, say so in CHANGELOG.md and write the lists:

    cargo run --manifest-path api/Cargo.toml -- --update
";

/// Whether all lists say what there is; with `update`, they do afterwards.
fn compare_all(update: bool) -> Result<bool> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = workspace(here)?;
    let documentation = document(here, &workspace)?;
    let mut same = true;
    for (package, library) in libraries(&workspace) {
        let name = format!("{}.txt", package["name"].as_str().ok_or("a package without a name")?);
        let (listed, now) = (here.join(&name), documentation.join(&name));
        let list = features(package) + &items(&documentation.join(library).with_extension("json"))?;
        fs::write(if update { &listed } else { &now }, list)?;
        if !update {
            // `-N`: a crate without a list yet is all new.
            let label = |what| format!("--label={what} {name}");
            let diff = Command::new("diff")
                .args(["-N", "-U2", &label("listed"), &label("now")])
                .args([&listed, &now])
                .status()
                .map_err(|error| format!("`diff`: {error}"))?;
            same &= diff.success();
        }
    }
    Ok(same)
}

fn workspace(here: &Path) -> Result<Value> {
    let output = cargo(here)
        .args(["metadata", "--format-version=1", "--no-deps"])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("`cargo metadata` failed".into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The folder with all libraries' documentation as JSON, with the features that `.ci/check` documents.
fn document(here: &Path, workspace: &Value) -> Result<PathBuf> {
    // What this needs of Burn lies where cargo has it already; the JSON is this checkout's own.
    let build = workspace["build_directory"].as_str().ok_or("cargo names no build directory")?;
    let target = here.join("target");
    let status = cargo(here)
        .args(["doc", "--release", "--workspace", "--no-deps", "--target-dir"])
        .arg(&target)
        .env("CARGO_BUILD_BUILD_DIR", build)
        .env("RUSTDOC", here.join("rustdoc"))
        .env("RUSTDOCFLAGS", "-Z unstable-options --output-format json")
        .status()?;
    if !status.success() {
        return Err("`cargo doc` failed".into());
    }
    Ok(target.join("doc"))
}

fn cargo(here: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    command.current_dir(here.join(".."));
    command
}

/// Packages that are published and have a library, and its name.
fn libraries(workspace: &Value) -> Vec<(&Value, &str)> {
    let mut libraries = Vec::new();
    let packages = workspace["packages"].as_array().into_iter().flatten();
    let is_published = |package: &&Value| package["publish"].is_null();
    for package in packages.filter(is_published) {
        for target in package["targets"].as_array().into_iter().flatten() {
            if target["kind"][0] == "lib"
                && let Some(name) = target["name"].as_str()
            {
                libraries.push((package, name));
            }
        }
    }
    libraries
}

/// A line for each feature of Cargo.
fn features(package: &Value) -> String {
    let features = package["features"].as_object().into_iter().flatten();
    features.map(|(name, enables)| format!("feature {name} = {enables}\n")).collect()
}

/// A line for each item of the documentation in `json`.
fn items(json: &Path) -> Result<String> {
    let documentation: Value = serde_json::from_slice(&fs::read(json)?)?;
    let version = &documentation["format_version"];
    if version != FORMAT_VERSION {
        return Err(format!(
            "this rustdoc writes JSON of version {version}, and `public-api` reads {FORMAT_VERSION}: take Rust 1.95, \
             or in api/Cargo.toml the `public-api` and `rustdoc-types` that read {version}"
        )
        .into());
    }
    let documentation: Crate = serde_json::from_value(documentation)?;
    let get = |id: Id| documentation.index.get(&id).map(|item| &item.inner);
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .include_function_parameter_names(true)
        .build()?;

    // Methods of a type are in order, however many `impl` they are in, unless these differ.
    let mut list: Vec<(usize, String)> = Vec::new();
    let mut group = 0;
    let mut header = None;
    for item in api.items() {
        let mut line = item.to_string();
        let parent = item.parent_id().and_then(get);
        match (get(item.id()), parent) {
            (Some(ItemEnum::Impl(Impl { trait_: None, .. })), _) => {
                if header.as_ref() != Some(&line) {
                    header = Some(line.clone());
                    // Without parameters, it says no more than the names of the methods.
                    if line.starts_with("impl<") {
                        list.push((group + 1, line));
                    }
                    group += 2;
                }
                continue;
            }
            (_, Some(ItemEnum::Impl(Impl { trait_: None, .. }))) => {
                list.push((group, line));
                continue;
            }
            (Some(ItemEnum::Impl(imp)), _) if follows(imp) => continue,
            (Some(ItemEnum::Function(_)), Some(ItemEnum::Impl(_))) => continue,
            (Some(ItemEnum::Function(function)), Some(ItemEnum::Trait(_))) if function.has_body => {
                line += " { .. }";
            }
            (Some(ItemEnum::Struct(of)), _) => {
                if let StructKind::Plain { has_stripped_fields: true, .. } = of.kind {
                    line += " { .. }";
                }
            }
            _ => {}
        }
        header = None;
        group += 1;
        list.push((group, line));
    }
    list.sort_unstable();
    Ok(list.into_iter().map(|(_, line)| line + "\n").collect())
}

/// Whether nearly every type has this trait, by itself; or nothing can be done with it.
fn follows(imp: &Impl) -> bool {
    let internal = imp.trait_.as_ref().is_some_and(|of| INTERNAL.contains(&of.path.as_str()));
    let always = !imp.is_negative && imp.generics.where_predicates.is_empty();
    internal || imp.is_synthetic && always
}
