use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::rdata;
use crate::TaskError;

/// The place of the data in Debian's package.
const PACKAGE: &str = "/usr/lib/R/site-library/janeaustenr";

const HINT: &str = "It is part of Debian's package r-cran-janeaustenr: install that, or have it without \
    being root and without R by `apt-get download r-cran-janeaustenr` and \
    `dpkg-deb -x r-cran-janeaustenr_*.deb out/austen`, and name its folder \
    out/austen/usr/lib/R/site-library/janeaustenr: to a task as data.path, to `memoria read` as --package";

/// A novel by Jane Austen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "they are titles")]
pub enum Novel {
    SenseAndSensibility,
    PrideAndPrejudice,
    MansfieldPark,
    Emma,
    NorthangerAbbey,
    Persuasion,
}

impl Novel {
    /// All novels, in the order of publication; the last one is at the end.
    pub const ALL: [Self; 6] = [
        Self::SenseAndSensibility,
        Self::PrideAndPrejudice,
        Self::MansfieldPark,
        Self::Emma,
        Self::NorthangerAbbey,
        Self::Persuasion,
    ];

    /// Returns the printed title.
    pub fn title(self) -> &'static str {
        match self {
            Self::SenseAndSensibility => "Sense and Sensibility",
            Self::PrideAndPrejudice => "Pride and Prejudice",
            Self::MansfieldPark => "Mansfield Park",
            Self::Emma => "Emma",
            Self::NorthangerAbbey => "Northanger Abbey",
            Self::Persuasion => "Persuasion",
        }
    }

    fn object(self) -> &'static str {
        match self {
            Self::SenseAndSensibility => "sensesensibility",
            Self::PrideAndPrejudice => "prideprejudice",
            Self::MansfieldPark => "mansfieldpark",
            Self::Emma => "emma",
            Self::NorthangerAbbey => "northangerabbey",
            Self::Persuasion => "persuasion",
        }
    }

    /// Reads its text from the folder `package` of the R package janeaustenr. The default is the place of Debian's
    /// package.
    ///
    /// # Errors
    ///
    /// [`TaskError::Missing`] with where to get it, [`TaskError::File`] or [`TaskError::Format`].
    pub fn text(self, package: Option<&Path>) -> Result<String, TaskError> {
        let package = package.map_or_else(|| PathBuf::from(PACKAGE), Path::to_owned);
        let mut lines = rdata::lines(&package, self.object(), HINT)?;
        lines.push(String::new());
        Ok(lines.join("\n"))
    }
}
