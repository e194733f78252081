//! Link Quality Monitoring (RFC 1989): how much of what one end sent came in at the other.
//!
//! Each end counts frames and octets, and tells its counters in Link-Quality-Reports. A report crosses the link in order
//! with what it counts, so the difference between two of them is loss, and nothing else. `Monitor` keeps the counters and
//! timers; it decides when a report is due and what one that came in means. What to do about loss is the owner's to say.

mod config;
mod loss;
mod monitor;
mod report;

pub use config::{LqmConfig, QualityPolicy};
pub use loss::Loss;
pub(crate) use monitor::Monitor;
pub use monitor::QualityStatus;
pub use report::LinkQualityReport;
