//! What the demo does, in order.

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use netlab::Host;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use super::ends::Ends;
use super::measure::Transfer;
use super::ping::Pinger;
use super::report::{Direction, Figures};
use super::world::{self, World};
use crate::cli::DemoArgs;
use crate::exit::ExitCode;
use crate::status::{explain, unix_now};

const MIB: u64 = 1024 * 1024;
/// Pings of the idle link: a second's worth.
const IDLE_PINGS: usize = 50;
/// Between two looks at how far a transfer is.
const TICK: Duration = Duration::from_millis(50);

const MAP: &str = "
    v-lan ---------- venus ================= saturn ---------- s-lan
    192.168.1.10     192.168.1.1     192.168.2.1     192.168.2.10
                     10.9.9.1 ----------- 10.10.10.1
";

/// Runs the demo. Must be called while the process has one thread.
pub fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    netlab::enter_user_namespace()?;
    println!("Two hosts, each with a network behind it; they exist only for as long as this runs:\n{MAP}");
    let world = World::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = LocalSet::new().block_on(&runtime, tell(args, &world));
    // A question that nobody answers on the terminal must not hold the end up.
    runtime.shutdown_background();
    code
}

async fn tell(args: &DemoArgs, world: &World) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut told_to_stop = std::pin::pin!(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    });

    println!("Saturn listens, venus calls:\n");
    let mut ends = tokio::select! {
        ends = Ends::start(world, args.carrier) => ends?,
        () = &mut told_to_stop => return Ok(ExitCode::UserRequest),
    };
    let (code, failure) = tokio::select! {
        shown = show(args, world, &mut ends) => match shown {
            Ok(()) => (ExitCode::Ok, None),
            Err(error) => (ExitCode::FatalError, Some(error)),
        },
        () = &mut told_to_stop => (if args.hold { ExitCode::Ok } else { ExitCode::UserRequest }, None),
    };
    let stopped = ends.stop().await;
    match failure {
        Some(error) => Err(error),
        None => stopped.map(|()| code),
    }
}

async fn show(args: &DemoArgs, world: &World, ends: &mut Ends) -> anyhow::Result<()> {
    let first_answer = Pinger::new(&world.v_lan, world::S_LAN)?.first_answer();
    ends.up().await?;
    let first_answer = ends.unless_one_ends(first_answer.done()).await?;
    let first_ping = first_answer.duration_since(ends.called_at);

    let status = ends.status().await?;
    println!("\nThe link is up. What venus's end says (`pppssh status --explain`):\n");
    for line in explain(&status, unix_now()).lines() {
        println!("  {line}");
    }
    println!();

    let idle = Pinger::new(&world.v_lan, world::S_LAN)?.run(IDLE_PINGS);
    let idle = ends.unless_one_ends(idle.done()).await?;
    let length = u64::from(args.size) * MIB;
    let up = direction(ends, "up  ", (&world.v_lan, &world.s_lan), world::S_LAN, length).await?;
    let down = direction(ends, "down", (&world.s_lan, &world.v_lan), world::V_LAN, length).await?;

    println!(
        "{} MiB each way arrived as sent (SHA-256 {}… up, {}… down).\n",
        args.size, up.data.hash, down.data.hash
    );
    println!("{}", Figures { first_ping, idle, up, down }.table());
    if args.hold { hold(world, ends).await } else { Ok(()) }
}

/// Moves data one way, with pings beside it.
async fn direction(
    ends: &mut Ends,
    name: &'static str,
    (from, to): (&Host, &Host),
    address: std::net::Ipv4Addr,
    length: u64,
) -> anyhow::Result<Direction> {
    let pings = Pinger::new(from, address)?.run(usize::MAX);
    let transfer = Transfer::start(from, to, address, length)?;
    let style = ProgressStyle::with_template("  {prefix} {bar:40} {bytes:>10} {bytes_per_sec:>12}")?;
    let bar = ProgressBar::new(length).with_style(style).with_prefix(name);
    let arrival = async {
        let mut tick = tokio::time::interval(TICK);
        while transfer.arrived() < length {
            tick.tick().await;
            bar.set_position(transfer.arrived());
        }
        Ok(())
    };
    ends.unless_one_ends(arrival).await?;
    let data = ends.unless_one_ends(transfer.done()).await?;
    bar.finish();
    Ok(Direction { data, pings: pings.stop().await? })
}

/// Keeps everything until Enter; the caller listens for signals.
async fn hold(world: &World, ends: &mut Ends) -> anyhow::Result<()> {
    println!("The hosts are there until you press Enter or Ctrl-C. From another terminal, as this user:\n");
    for (host, command) in [
        (&world.v_lan, "ping 192.168.2.10"),
        (&world.s_lan, "ping 192.168.1.10"),
        (&world.venus, "ip addr"),
        (&world.saturn, "ip route"),
    ] {
        println!("  on {:<7} {} {command}", host.name(), enter(host));
    }
    println!();
    ends.unless_one_ends(async { tokio::task::spawn_blocking(read_enter).await.context("waiting for Enter") })
        .await
}

/// The command that enters a host.
fn enter(host: &Host) -> String {
    let net = host.netns_path();
    if netlab::in_user_namespace() {
        let pid = std::process::id();
        format!("nsenter --target {pid} --user --preserve-credentials --net={}", net.display())
    } else {
        format!("nsenter --net={}", net.display())
    }
}

/// Returns when somebody presses Enter; never if there is nobody to.
fn read_enter() {
    let stdin = std::io::stdin();
    if stdin.is_terminal() && stdin.read_line(&mut String::new()).is_ok_and(|length| length > 0) {
        return;
    }
    loop {
        std::thread::park();
    }
}
