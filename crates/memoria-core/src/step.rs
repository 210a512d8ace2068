//! A step of one row, stage by stage:
//!
//! | stage | does | file |
//! |---|---|---|
//! | close | ends the previous step with its lifespan gains | [`due`] |
//! | admit | makes working engrams of the added vectors | [`due`], [`incoming`] |
//! | shortlist, walk, select | [searches](crate::search); requests scores from the store | [`row_search`] |
//! | fire | fires and connects the engrams that were found | [`fire`] |
//!
//! On the host a row goes through all of them before the next row begins. On a device, waiting for answers is
//! worthwhile only for all rows together. So the shortlists of all rows are made first, and the gains and norms are
//! read with their scores. Then the rows are closed, and so on. [`ask`](RowSearch::ask) returns what each row waits
//! for.

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
