//! Who calls, with which settings.

use super::{Settings, Shell};
use crate::process::interrupt::Interrupt;

#[derive(Clone)]
pub struct Caller {
    pub shell: Shell,
    pub settings: Settings,
    pub interrupt: Interrupt,
}
