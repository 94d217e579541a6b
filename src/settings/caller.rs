//! The calling shell and its settings, as the rooms above pass them on.

use super::{Settings, Shell};
use crate::process::interrupt::Interrupt;

#[derive(Clone)]
pub struct Caller {
    pub shell: Shell,
    pub settings: Settings,
    pub interrupt: Interrupt,
}
