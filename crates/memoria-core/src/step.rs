//! A step of one row, stage by stage:
//!
//! | stage | does | file |
//! |---|---|---|
//! | close | ends the step before with its lifespan gains | [`due`] |
//! | admit | makes working engrams of the vectors that were added | [`due`], [`incoming`] |
//! | shortlist, walk, select | [searches](crate::search); asks the store for scores | [`row_search`] |
//! | fire | fires and connects what was found | [`fire`] |
//!
//! On the host a row goes through all of them before the next row begins. The answers of a device are worth
//! waiting for only together. So on a device the shortlists of all rows are made first, the gains and norms
//! are read with their scores, and then the rows are closed, and so on: [`ask`](RowSearch::ask) gives of each
//! row what it waits for.

mod absent;
mod due;
mod fire;
mod incoming;
mod open;
mod row_search;

pub(crate) use absent::Absent;
pub(crate) use due::{Due, check_gains, close, forgive};
pub(crate) use fire::fire;
pub use incoming::check_hidden_norms;
pub(crate) use incoming::{Incoming, check_squared_norms, largest_squared_norm};
pub(crate) use open::{OpenStep, width};
pub(crate) use row_search::{RowSearch, Scoring};
