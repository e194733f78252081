//! PAP, CHAP and MS-CHAPv2 against real pppd, in each role. The two files of secrets are both ends': /etc/ppp is one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use pppssh_tests::Running;
use rustix::fs::{CWD, Mode, mkfifoat};

use crate::hosts::Hosts;
use crate::rows::{OUR_LOG, PPPD, Row, ShowLog, carry, pppssh, terminate, words};

/// pppd on venus, and ours on saturn.
#[derive(Clone, Copy)]
struct Auth {
    /// pppd's options.
    pppd: &'static str,
    /// Keys of the profile of `pppssh serve`.
    profile: &'static str,
    /// Options of `pppssh pppd`, if that is what runs.
    ours: Option<&'static str>,
    secrets: &'static str,
    /// Both ends' exit codes if the link does not come up.
    fails: Option<(i32, i32)>,
    says: &'static [&'static str],
    we_say: &'static [&'static str],
}

/// One secret for each direction.
const SECRETS: &str = "venus saturn 'the secret of venus' *\nsaturn venus 'the secret of saturn' *\n";

const AUTH: Auth =
    Auth { pppd: "", profile: "", ours: None, secrets: SECRETS, fails: None, says: &[], we_say: &[] };

/// What ours tells through its exit code.
const CODE: &str = "/tmp/ours.code";

pub(crate) fn rows() -> Vec<Row> {
    rows_of().into_iter().map(|(name, auth)| Row::new(name, move || auth.run())).collect()
}

fn rows_of() -> Vec<(&'static str, Auth)> {
    let we_ask = |profile, we_say| Auth { pppd: "user venus", profile, we_say, ..AUTH };
    let pppd_asks = |pppd, says, we_say| Auth { pppd, profile: "auth-name = 'saturn'", says, we_say, ..AUTH };
    let wrong = "venus saturn x *\nsaturn venus y *\n";
    vec![
        (
            "auth: pppd proves itself by PAP",
            we_ask(
                "auth-require = ['pap']\nauth-name = 'saturn'",
                &[
                    "rcvd [PAP AuthReq id=",
                    "user=\"venus\" password=<hidden>]",
                    "PAP peer authentication succeeded for venus",
                ],
            ),
        ),
        (
            "auth: pppd proves itself by CHAP",
            we_ask(
                "auth-require = ['chap']\nauth-name = 'saturn'",
                &["sent [CHAP Challenge id=", ">, name = \"saturn\"]", "\"Access granted\"]"],
            ),
        ),
        (
            "auth: pppd proves itself by MS-CHAPv2",
            we_ask("auth-require = ['mschap-v2']\nauth-name = 'saturn'", &["<auth chap MS-v2>", "\"S="]),
        ),
        (
            "auth: we prove ourselves by PAP",
            pppd_asks(
                "name venus require-pap",
                &["PAP peer authentication succeeded for saturn"],
                &["sent [PAP AuthReq id=", "PAP authentication succeeded"],
            ),
        ),
        (
            "auth: we prove ourselves by CHAP",
            pppd_asks(
                "name venus require-chap",
                &["rcvd [CHAP Response id="],
                &["CHAP authentication succeeded"],
            ),
        ),
        (
            "auth: we prove ourselves by MS-CHAPv2",
            pppd_asks(
                "name venus require-mschap-v2",
                &["<auth chap MS-v2>"],
                &["CHAP authentication succeeded"],
            ),
        ),
        (
            "auth: both by CHAP",
            Auth {
                profile: "auth-require = ['chap']\nauth-name = 'saturn'",
                we_say: &["CHAP peer authentication succeeded for venus", "CHAP authentication succeeded"],
                ..pppd_asks("name venus require-chap", &[], &[])
            },
        ),
        (
            "auth: both, by PAP and MS-CHAPv2",
            Auth {
                profile: "auth-require = ['mschap-v2']\nauth-name = 'saturn'\nauth-remote-name = 'venus'",
                we_say: &["CHAP peer authentication succeeded for venus", "PAP authentication succeeded"],
                ..pppd_asks("name venus remotename saturn require-pap", &[], &[])
            },
        ),
        (
            "auth: pppd falls back to PAP",
            Auth {
                pppd: "user venus refuse-chap refuse-mschap-v2 refuse-eap",
                ..we_ask(
                    "auth-require = ['mschap-v2', 'chap', 'pap']\nauth-name = 'saturn'",
                    &["PAP peer authentication succeeded for venus"],
                )
            },
        ),
        (
            "auth: we fall back to PAP",
            Auth {
                profile: "auth-name = 'saturn'\nauth-answer = ['pap']",
                ..pppd_asks("name venus auth", &["PAP peer authentication succeeded for saturn"], &[])
            },
        ),
        (
            "auth: we challenge each second",
            we_ask(
                "auth-require = ['chap']\nauth-name = 'saturn'\nauth-chap-interval = 1",
                &["CHAP peer authentication succeeded for venus"],
            ),
        ),
        (
            "auth: pppd challenges each second",
            pppd_asks(
                "name venus require-mschap-v2 chap-interval 1",
                &[],
                &["CHAP authentication succeeded"],
            ),
        ),
        (
            "auth: the secret's address is given",
            Auth {
                pppd: "user venus noipdefault :",
                secrets: "venus saturn x 192.168.1.1\n",
                profile: "auth-require = ['chap']\nauth-name = 'saturn'\naddresses = '192.168.2.1:'",
                ..AUTH
            },
        ),
        (
            "auth: pppd by its own options on both ends",
            Auth {
                pppd: "name venus auth",
                ours: Some("name saturn auth"),
                we_say: &["CHAP peer authentication succeeded for venus", "CHAP authentication succeeded"],
                ..AUTH
            },
        ),
        (
            "auth: a wrong PAP password of pppd's",
            Auth {
                pppd: "user venus password wrong",
                ours: Some("name saturn require-pap"),
                fails: Some((19, 11)),
                says: &["PAP authentication failed"],
                we_say: &[
                    "PAP peer authentication failed for venus",
                    "sent [LCP TermReq id=0x2 \"Authentication failed\"]",
                ],
                ..AUTH
            },
        ),
        (
            "auth: a wrong CHAP secret of pppd's",
            Auth {
                fails: Some((19, 11)),
                says: &["CHAP authentication failed"],
                ..we_ask(
                    "auth-require = ['chap']\nauth-name = 'saturn'\nauth-secrets = '/tmp/secrets'",
                    &["failed to authenticate itself"],
                )
            },
        ),
        (
            "auth: a wrong MS-CHAPv2 secret of pppd's",
            Auth {
                fails: Some((19, 11)),
                ..we_ask(
                    "auth-require = ['mschap-v2']\nauth-name = 'saturn'\nauth-secrets = '/tmp/secrets'",
                    &["E=691 R=0"],
                )
            },
        ),
        (
            "auth: a wrong PAP password of ours",
            Auth {
                ours: Some("user saturn password wrong"),
                fails: Some((11, 19)),
                says: &["PAP peer authentication failed for saturn"],
                we_say: &["PAP authentication failed: Login incorrect"],
                ..pppd_asks("name venus require-pap", &[], &[])
            },
        ),
        (
            "auth: a wrong CHAP secret of ours",
            Auth {
                ours: Some("user saturn password wrong"),
                fails: Some((11, 19)),
                says: &["Peer saturn failed CHAP authentication"],
                we_say: &["CHAP authentication failed: Access denied"],
                ..pppd_asks("name venus require-chap", &[], &[])
            },
        ),
        (
            "auth: a wrong MS-CHAPv2 secret of ours",
            Auth {
                ours: Some("user saturn password wrong"),
                fails: Some((11, 19)),
                says: &["Peer saturn failed CHAP authentication"],
                ..pppd_asks("name venus require-mschap-v2", &[], &[])
            },
        ),
        (
            "auth: pppd refuses",
            Auth {
                pppd: "user venus refuse-pap refuse-chap refuse-mschap refuse-mschap-v2 refuse-eap",
                ours: Some("name saturn auth"),
                fails: Some((16, 11)),
                says: &["No auth is possible", "LCP terminated by peer (peer refused to authenticate)"],
                we_say: &["peer refused to authenticate: terminating link"],
                ..AUTH
            },
        ),
        (
            "auth: we refuse",
            Auth {
                ours: Some("noauth refuse-pap refuse-chap refuse-mschap-v2"),
                fails: Some((11, 19)),
                says: &["peer refused to authenticate: terminating link"],
                ..pppd_asks("name venus auth", &[], &["the peer demands authentication by"])
            },
        ),
        (
            "auth: pppd takes an address that is not its secret's",
            Auth {
                pppd: "user venus",
                secrets: "venus saturn x 192.168.1.9\n",
                ours: Some("name saturn auth noipv6"),
                fails: Some((16, 10)),
                we_say: &["Peer is not authorized to use remote address 192.168.1.1"],
                ..AUTH
            },
        ),
        (
            "auth: nobody could prove himself",
            Auth {
                pppd: "user venus",
                secrets: wrong,
                ours: Some("name pluto auth"),
                fails: Some((16, 1)),
                we_say: &["but I couldn't find any suitable secret (password) for it to use to do so."],
                ..AUTH
            },
        ),
    ]
}

impl Auth {
    fn run(self) -> [String; 4] {
        let hosts = Hosts::new();
        let Auth { pppd, profile, ours, secrets, fails, says, we_say } = self;
        files(secrets, profile);
        let ours = match ours {
            Some(options) => format!("pppd {PPPD} ::2,::1 192.168.2.1:192.168.1.1 notty {options}"),
            None => "-vv serve --config-dir /tmp/profiles --no-hooks --runtime-dir /run/pppssh".to_owned(),
        };
        // In a session of its own, as in the other rows; and whoever reads the pipe waits for its end.
        let line =
            format!("nsenter --net={} {} {ours} 2>{OUR_LOG}", hosts.saturn.netns_path().display(), pppssh());
        let pty = format!("exec setsid --fork --wait sh -c '{line}; echo $? >{CODE}'");
        let mut command = hosts.venus.command("/usr/sbin/pppd");
        command.args(words(PPPD)).arg("::1,::2").args(words(pppd));
        if !pppd.split(' ').any(|word| word == ":") {
            command.arg("192.168.1.1:192.168.2.1");
        }
        command.args(["pty", &pty]);
        let _ours = ShowLog;
        let mut pppd = Running::start("pppd", command);
        let (cells, ended, (code, our)) = match fails {
            None => (carry(&hosts, &pppd, true, true), terminate(&mut pppd), (5, 0)),
            Some(codes) => (["–", "–"].map(str::to_owned), pppd.end(), codes),
        };
        ended.with_code(code);
        let our_code = fs::read_to_string(CODE).expect("our exit code");
        for words in says {
            ended.saying(words);
        }
        let we_said = fs::read_to_string(OUR_LOG).expect("our log");
        for words in we_say {
            assert!(we_said.contains(words), "we did not say {words:?}");
        }
        assert_eq!(our_code.trim(), our.to_string(), "our exit code");
        let [ipv4, ipv6] = cells;
        ["pty".to_owned(), ipv4, ipv6, format!("{code} {our}")]
    }
}

/// Both ends' secrets, others in /tmp/secrets, and the profile of `serve`.
fn files(secrets: &str, profile: &str) {
    let write = |path: &str, text: &str| {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    };
    for dir in ["/tmp/secrets", "/tmp/profiles"] {
        fs::create_dir_all(dir).unwrap();
    }
    for name in ["pap-secrets", "chap-secrets"] {
        write(&format!("/etc/ppp/{name}"), secrets);
        write(&format!("/tmp/secrets/{name}"), "venus saturn 'another secret' *\n");
    }
    let mut text = "ipv6-ids = '::2,::1'\nconnect-timeout = 60\n".to_owned();
    if !profile.contains("addresses") {
        text += "addresses = '192.168.2.1:192.168.1.1'\n";
    }
    if !profile.contains("auth-secrets") {
        text += "auth-secrets = '/etc/ppp'\n";
    }
    write("/tmp/profiles/serve.toml", &format!("{text}{profile}\n"));
    let _ = fs::remove_file(CODE);
    mkfifoat(CWD, CODE, Mode::RUSR | Mode::WUSR).unwrap();
}
