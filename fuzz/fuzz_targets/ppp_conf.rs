//! Any octets as user-ppp's three files: no panic; what cannot be obeyed has a place in a file that was read, a plan makes
//! a link, and what a link script runs has a program.
//!
//! ```text
//! | mode, 1 octet | ppp.conf … | 0 | ppp.linkup … | 0 | ppp.linkdown … | 0 | an included file … |
//! ```

#![no_main]

use std::io;
use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use ppp_proto::link::Link;
use pppssh::session::link_config;
use pppssh::user_ppp::{Access, BadPlan, Ends, Facts, LinkScript, Mode, Plan, Request, Sections};

fuzz_target!(|input: &[u8]| {
    let Some((&mode, text)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut files = text.splitn(4, '\0');
    let [conf, linkup, linkdown, more] = std::array::from_fn(|_| files.next().unwrap_or_default());
    let file = |name: &str| match name {
        "ppp.conf" => conf,
        "ppp.linkup" => linkup,
        "ppp.linkdown" => linkdown,
        _ => more,
    };
    let read = |name: &str| {
        let env = |name: &str| (name.len() < 3).then(|| "$x ~ \" \\".to_owned());
        let mut read = |name: &str| match name {
            "missing" => Err(io::ErrorKind::NotFound.into()),
            name => Ok(file(name).to_owned()),
        };
        Sections::read(name, &mut read, &env).expect("the first file is there")
    };
    let conf = read("ppp.conf");
    let [linkup, linkdown] = ["ppp.linkup", "ppp.linkdown"].map(|name| LinkScript(read(name)));
    let last = conf.labels().last().map(str::to_owned);
    let request = Request {
        mode: Mode::ALL[usize::from(mode) % Mode::ALL.len()],
        labels: last.into_iter().collect(),
        unit: None,
        config_dir: None,
    };
    let (access, _) = Access::read(&conf, &request.labels);
    assert_eq!(access.refusal(None, true, request.mode), None);

    match Plan::read(&conf, &linkup, &linkdown, &request) {
        Err(BadPlan::Lines(problems)) => {
            assert!(!problems.is_empty());
            for problem in problems {
                let lines = file(&problem.place.file).lines().count();
                assert!((1..=lines).contains(&problem.place.line), "{problem}");
            }
        }
        Err(other) => assert!(!other.to_string().is_empty()),
        Ok(plan) => {
            let mut config = link_config(&plan.profile, &plan.label, 1);
            plan.adjust(&mut config);
            let now = Instant::now();
            let mut link = Link::new(config, now);
            link.open(now);
            link.lower_up(now);
            for n in 0..3 {
                let command = plan.command(n, "tun0", 1);
                assert_eq!(command.is_some(), !plan.devices.is_empty());
                assert!(command.is_none_or(|argv| !argv.is_empty()));
            }
        }
    }
    let local = std::net::Ipv4Addr::new(10, 0, 0, 1);
    let facts = Facts {
        ends: Ends::V4 { local, remote: local, dns: vec![local] },
        interface: "tun0".to_owned(),
        label: request.labels.last().cloned().unwrap_or_default(),
        authname: "MYADDR".to_owned(),
        user: "USER".to_owned(),
        pid: 1,
        with_ipv4: true,
        usage: None,
    };
    for script in [linkup, linkdown] {
        assert!(script.commands(&facts).iter().all(|command| !command.argv.is_empty()));
    }
});
