//! Notices that nothing of what psql sends arrives any more. Keepalives wait while something is under
//! way, and the kernel sends it again for a quarter of an hour (`tcp_retries2`); TCP_USER_TIMEOUT
//! would also end a healthy COPY whose server is busy. Linux tells both apart in its table of sockets
//! (proc_net_tcp(5)); on other systems nobody looks.

use std::fs;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How many looks there are in a silence that is too long.
const LOOKS: u32 = 6;

/// Looks after one psql, until this value is dropped.
pub struct Vigil {
    _end: Sender<()>,
}

impl Vigil {
    /// Tells once, when nothing has arrived for so long.
    pub fn start(process: u32, patience: Duration, tell: impl FnOnce() + Send + 'static) -> Self {
        let (end, ended) = channel();
        thread::spawn(move || {
            let mut silence = Silence::default();
            while ended.recv_timeout(patience / LOOKS) == Err(RecvTimeoutError::Timeout) {
                if silence.lasts(repeats_of(process), Instant::now()) > patience {
                    return tell();
                }
            }
        });
        Self { _end: end }
    }
}

/// How often the kernel has sent the same again, as seen at one look after the other.
#[derive(Default)]
struct Silence {
    latest: Option<(u32, Instant)>,
}

impl Silence {
    /// How long nothing has arrived for sure: with every answer the kernel counts from the beginning.
    fn lasts(&mut self, repeats: Option<u32>, now: Instant) -> Duration {
        let Some(repeats) = repeats else {
            self.latest = None;
            return Duration::ZERO;
        };
        let since = match self.latest {
            Some((before, since)) if before <= repeats => since,
            _ => now,
        };
        self.latest = Some((repeats, since));
        now.duration_since(since)
    }
}

/// How often the kernel has sent the same again for this process; `None` where it does not do so.
fn repeats_of(process: u32) -> Option<u32> {
    let sockets: Vec<_> = fs::read_dir(format!("/proc/{process}/fd"))
        .ok()?
        .flatten()
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
        .filter_map(|target| {
            let inode = target.to_str()?.strip_prefix("socket:[")?;
            Some(inode.strip_suffix(']')?.to_owned())
        })
        .collect();
    ["tcp", "tcp6"].iter().find_map(|table| {
        let table = fs::read_to_string(format!("/proc/{process}/net/{table}")).ok()?;
        repeats(&table, &sockets)
    })
}

/// The same, from the table of sockets.
fn repeats(table: &str, sockets: &[String]) -> Option<u32> {
    const ESTABLISHED: &str = "01";
    const RETRANSMISSION: &str = "01:";
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        match fields.as_slice() {
            [_, _, _, ESTABLISHED, _, timer, repeats, _, _, inode, ..]
                if timer.starts_with(RETRANSMISSION)
                    && sockets.iter().any(|socket| socket == inode) =>
            {
                u32::from_str_radix(repeats, 16)
                    .ok()
                    .filter(|repeats| *repeats > 0)
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_sent_again_and_again_counts() {
        let table = |state: &str, timer: &str, repeats: &str| {
            format!(
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  \
                 timeout inode\n   1: 02014D0A:DD5C 0202A8C0:1538 {state} 00000031:00000000 \
                 {timer}:00000019 {repeats}  1000        0 4711 2 0000000000000000 1664 4 30 10 -1\n"
            )
        };
        let own = ["4711".to_owned()];
        assert_eq!(repeats(&table("01", "01", "00000005"), &own), Some(5));
        let others = ["4712".to_owned()];
        assert_eq!(repeats(&table("01", "01", "00000005"), &others), None);
        let still_connecting = table("02", "01", "00000005");
        assert_eq!(repeats(&still_connecting, &own), None);
        let server_takes_nothing = table("01", "04", "00000000");
        assert_eq!(repeats(&server_takes_nothing, &own), None);
        let on_its_way = table("01", "01", "00000000");
        assert_eq!(repeats(&on_its_way, &own), None);
    }

    #[test]
    fn an_answer_in_between_begins_anew() {
        let began = Instant::now();
        let mut silence = Silence::default();
        let mut lasts = |repeats, second| {
            silence
                .lasts(repeats, began + Duration::from_secs(second))
                .as_secs()
        };
        assert_eq!(lasts(None, 0), 0);
        assert_eq!(lasts(Some(1), 1), 0);
        assert_eq!(lasts(Some(3), 3), 2);
        assert_eq!(lasts(Some(3), 4), 3);
        assert_eq!(lasts(Some(1), 5), 0, "it has counted from the beginning");
        assert_eq!(lasts(Some(2), 7), 2);
        assert_eq!(lasts(None, 8), 0);
        assert_eq!(lasts(Some(3), 9), 0);
    }
}
