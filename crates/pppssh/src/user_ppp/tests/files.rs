//! Whole files of the kinds that people have, and what becomes of them.

use std::fmt::Write as _;

use super::super::{Mode, Plan};
use super::Files;

/// The calling end of a tunnel over ssh.
const CALLING: &str = "\
default:
 set log Phase Chat LCP IPCP CCP tun command
 set speed 38400
 ident pppssh
 set timeout 180
 enable dns

saturn:
 # The account's forced command is the far end.
 set device \"!ssh -e none -o BatchMode=yes vpn@saturn ppp -direct vpn-in\"
 set dial
 set login
 set escape 0xff
 set timeout 0
 set openmode active
 set redial 10 0
 disable acfcomp protocomp
 deny acfcomp
 accept lqr
 enable echo
 set lqrperiod 20
 set ifaddr 192.168.1.1/32 192.168.2.1/32 255.255.255.255 0.0.0.0
 add 192.168.2.0/24 HISADDR
 set server none
";

/// The called end.
const CALLED: &str = "\
vpn-in:
 set escape 0xff
 set timeout 0
 set openmode passive
 set ifaddr 192.168.2.1 192.168.1.1-192.168.1.9
 set dns 192.168.2.53
 accept dns
 allow users vpn
 allow mode direct
";

/// A dial-up line's settings around a command: the provider gives both addresses.
const PROVIDER: &str = "\
default:
  set log Phase tun command # what to write down
  ident user-ppp VERSION
  set device \"!nc -U /run/line\"
  set speed 115200
  set dial \"\"
  set timeout 300
  enable dns

provider:
  set phone \"(123) 456 7890\"
  set authname foo
  set authkey bar
  set ifaddr 10.0.0.1/0 10.0.0.2/0 255.255.255.0 0.0.0.0
  set cd 5
  accept chap
  add default HISADDR
";

fn told(plan: &Plan) -> String {
    let profile = &plan.profile;
    let routes: Vec<_> = profile.routes.iter().map(ToString::to_string).collect();
    let mut text = String::new();
    let _ = writeln!(text, "label {} -{} -v {}", plan.label, plan.mode.name(), plan.verbosity);
    let _ = writeln!(text, "call {:?}", plan.devices);
    let _ = writeln!(text, "local {:?} remote {:?}", plan.ifaddr.local, plan.ifaddr.remote);
    let _ = writeln!(text, "routes {routes:?} idle {:?} silent {}", plan.idle, plan.silent);
    let _ = writeln!(text, "redial {:?} {}", plan.redial.pause, plan.redial.attempts);
    let _ = writeln!(text, "escape {} accomp {} pcomp {}", profile.escape, profile.accomp, profile.pcomp);
    let _ = writeln!(text, "echo {:?} x {}", profile.lcp_echo_interval.get(), profile.lcp_echo_failure);
    let _ = writeln!(text, "dns ask {} offer {:?}", profile.dns_ask, profile.dns_offer);
    let _ = writeln!(text, "ident {:?} authname {:?}", plan.identification, plan.authname);
    text
}

#[test]
fn the_calling_end_of_ppp_over_ssh() {
    let plan = Files::new([("ppp.conf", CALLING)]).plan(Mode::Ddial, &["saturn"]).unwrap();
    assert_eq!(
        told(&plan),
        "\
label saturn -ddial -v 1
call [[\"ssh\", \"-e\", \"none\", \"-o\", \"BatchMode=yes\", \"vpn@saturn\", \"ppp\", \"-direct\", \"vpn-in\"]]
local Fixed(192.168.1.1) remote Fixed(192.168.2.1)
routes [\"192.168.2.0/24\"] idle None silent false
redial 10s 0
escape ff accomp false pcomp false
echo 20s x 5
dns ask true offer []
ident Some(\"pppssh\") authname \"\"
"
    );
}

#[test]
fn the_called_end_of_ppp_over_ssh() {
    let plan = Files::new([("ppp.conf", CALLED)]).plan(Mode::Direct, &["vpn-in"]).unwrap();
    assert_eq!(
        told(&plan),
        "\
label vpn-in -direct -v 0
call []
local Fixed(192.168.2.1) remote Ranges([Ipv4Range { first: 192.168.1.1, last: 192.168.1.9 }])
routes [] idle None silent true
redial 30s 1
escape ff accomp true pcomp true
echo 15s x 4
dns ask false offer [192.168.2.53]
ident None authname \"\"
"
    );
}

#[test]
fn a_line_to_a_provider() {
    let plan = Files::new([("ppp.conf", PROVIDER)]).plan(Mode::Auto, &["provider"]).unwrap();
    assert_eq!(
        told(&plan),
        "\
label provider -auto -v 0
call [[\"nc\", \"-U\", \"/run/line\"]]
local Ask remote Prefer(10.0.0.2)
routes [\"0.0.0.0/0\"] idle Some(300s) silent false
redial 30s 1
escape  accomp true pcomp true
echo 15s x 4
dns ask true offer []
ident Some(\"user-ppp VERSION\") authname \"foo\"
"
    );
}

/// A modem's file, as they were.
const MODEM: &str = "\
default:
 set log Phase Chat LCP IPCP CCP tun command
 set device /dev/cuau0
 set speed 115200
 set dial \"ABORT BUSY ABORT NO\\\\sCARRIER TIMEOUT 5 \\\"\\\" AT OK-AT-OK ATE1Q0 OK \\\\dATDT\\\\T TIMEOUT 40 CONNECT\"
 set timeout 120
 enable dns
isp:
 set phone 5551234
 set login \"TIMEOUT 10 \\\"\\\" \\\"\\\" gin:--gin: user word: secret col: ppp\"
 nat enable yes
 nat same_ports yes
 set ifaddr 10.0.0.1/0 10.0.0.2/0 255.255.255.0 0.0.0.0
 add default HISADDR
";

#[test]
fn a_modems_file_is_told_what_stands_in_the_way_and_nothing_else() {
    let error = Files::new([("ppp.conf", MODEM)]).plan(Mode::Auto, &["isp"]).unwrap_err().to_string();
    let places: Vec<&str> = error.lines().map(|line| line.split('`').next().unwrap_or_default()).collect();
    assert_eq!(
        places,
        ["ppp.conf:3: ", "ppp.conf:5: ", "ppp.conf:10: ", "ppp.conf:11: ", "ppp.conf:12: "],
        "{error}"
    );
}
