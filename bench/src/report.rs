//! The table of what was measured, as it is printed.

use crate::{
    goals::{Aim, Reached},
    load::{Timing, percentile},
    processes::Cpu,
    sockets::Delivery,
};

/// One server's part of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Side {
    pub(crate) timing: Timing,
    pub(crate) cpu: Cpu,
}

impl Side {
    fn requests(&self) -> f64 {
        self.timing.latencies.len().max(1) as f64
    }
}

/// A line of the table of requests; without a floor, only of Agora.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(crate) name: String,
    /// What it is to reach, where it is to reach something.
    pub(crate) aim: Option<Aim>,
    pub(crate) concurrency: usize,
    pub(crate) agora: Side,
    pub(crate) floor: Option<Side>,
}

pub(crate) fn print_requests(lines: &mut [Requests], reached: &mut Reached) {
    println!(
        "| operation | at once | server | requests/s | p50 ms | p99 ms | CPU ms: server | database | both | × floor |"
    );
    println!("|---|--:|---|--:|--:|--:|--:|--:|--:|--:|");
    for line in lines {
        let floor = line.floor.as_ref().map(|floor| floor.cpu.total() / floor.requests());
        let sides = [("Agora", Some(&mut line.agora)), ("floor", line.floor.as_mut())];
        for (name, side) in sides {
            let Some(side) = side else { continue };
            let (requests, cpu) = (side.requests(), side.cpu);
            let both = cpu.total() / requests;
            let ratio = match floor {
                Some(floor) if name == "Agora" => {
                    if let Some(aim) = line.aim {
                        reached.note(aim, both / floor);
                    }
                    format!("{:.2}", both / floor)
                }
                _ => String::new(),
            };
            let per_second = side.timing.per_second();
            println!(
                "| {} | {} | {name} | {per_second:.0} | {:.2} | {:.2} | {:.3} | {:.3} | {both:.3} | {ratio} |",
                line.name,
                line.concurrency,
                f64::from(percentile(&mut side.timing.latencies, 0.5)) / 1000.0,
                f64::from(percentile(&mut side.timing.latencies, 0.99)) / 1000.0,
                cpu.server / requests,
                cpu.database / requests,
            );
        }
    }
}

pub(crate) fn print_deliveries(lines: &[(String, Delivery)]) {
    println!(
        "| subscribers | events/s | delivered of expected | messages/s | p50 ms | p99 ms | CPU µs per message: server | database |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for (name, delivery) in lines {
        let messages = delivery.delivered.max(1) as f64;
        let disorder = match delivery.disorder {
            0 => String::new(),
            count => format!(", {count} twice or late"),
        };
        println!(
            "| {name} | {:.0} | {} of {}{disorder} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} |",
            delivery.events_per_second,
            delivery.delivered,
            delivery.expected,
            delivery.per_second,
            f64::from(delivery.p50) / 1000.0,
            f64::from(delivery.p99) / 1000.0,
            delivery.cpu.server * 1000.0 / messages,
            delivery.cpu.database * 1000.0 / messages,
        );
    }
}
