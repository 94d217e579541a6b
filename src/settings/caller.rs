//! Who calls, with which settings.

use super::{Settings, Shell};
use crate::process::interrupt::Interrupt;

/// The calling shell, its settings, and its wish to stop.
#[derive(Clone)]
pub struct Caller {
    pub shell: Shell,
    pub settings: Settings,
    pub interrupt: Interrupt,
}
