//! What is built by itself, what opens it and who is told, said by commands to a farm elsewhere: the same as on its machine,
//! from a machine without a home and behind a proxy.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::client::{Somebody, operator, token};
use crate::service_lab::Service;

const PLUGIN: &str = "demo/helloworld";

/// What both answer to the same command, without what no two of them have in common.
fn both(service: &Service, partner: &Somebody, arguments: &[&str]) -> Value {
    let here = service.farm.run(&[arguments, &["--json"]].concat());
    let here = here.succeeds().json();
    let elsewhere = partner.json(arguments);
    assert_eq!(here, elsewhere, "{arguments:?}");
    here
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_says_from_elsewhere_what_is_built_by_itself_and_who_is_told() {
    let mut service = Service::new("").await;
    service.start();
    let operator = operator(&service);
    let owns = ["namespace", "add", "demo", "--partner=acme"];
    operator.run(&owns).succeeds();
    let url = "https://git.example.org/helloworld";
    operator.json(&["source", "bind", PLUGIN, url]);
    let scopes = ["--partner=acme", "--scope=submit", "--scope=manage"];
    let partner = token(&operator, &scopes);

    let nothing = partner.run(&["source", "watch", PLUGIN, "--json"]);
    assert_eq!(nothing.code, 2, "{}", nothing.stdout);
    let watched = partner.json(&["source", "watch", PLUGIN, "--tag=v*", "--every=0"]);
    assert_eq!(watched["watch"]["every"], 0);
    let watched = both(&service, &partner, &["source", "watch", PLUGIN]);
    assert_eq!(watched["watch"]["tags"][0], "v*");
    partner.run(&["source", "unwatch", PLUGIN]).succeeds();

    let added = partner.json(&["source", "hook", "add", PLUGIN, "--forge=github"]);
    let hook = added["hook"]["id"].as_str().unwrap();
    assert!(added["hook"]["secret"].as_str().unwrap().len() > 20);
    let listed = both(&service, &partner, &["source", "hook", "list", PLUGIN]);
    assert_eq!(listed["hooks"][0]["id"], hook);
    assert!(listed["hooks"][0].get("secret").is_none());
    let deliveries = ["source", "hook", "deliveries", PLUGIN, hook];
    assert_eq!(
        both(&service, &partner, &deliveries)["deliveries"],
        Value::Array(vec![])
    );
    let other = ["source", "hook", "deliveries", "demo/other", hook];
    for refused in [partner.run(&other), service.farm.run(&other)] {
        assert_eq!(
            refused.code, 2,
            "a hook is one plugin's: {}",
            refused.stdout
        );
    }
    partner
        .run(&["source", "hook", "remove", PLUGIN, hook])
        .succeeds();

    let secret = service.folder().join("secret");
    fs::write(&secret, "hunter2hunter2\n").unwrap();
    let file = format!("--token-file={}", secret.display());
    let kept = partner
        .run(&["source", "credential", PLUGIN, &file])
        .succeeds();
    assert!(!kept.stdout.contains("hunter2"));
    let shown = operator.json(&["source", "list"]);
    assert_eq!(shown["sources"][0]["private"], true);
    partner
        .run(&["source", "credential", PLUGIN, "--remove"])
        .succeeds();
    partner.run(&["source", "public", PLUGIN]).succeeds();
    let shown = both(&service, &partner, &["source", "list"]);
    assert_eq!(shown["sources"][0]["private"], false);

    let named = partner.run(&[
        "notify",
        "add",
        "ops@example.org",
        "--partner=acme",
        "--json",
    ]);
    assert!(
        named.stdout.contains("knows by the token"),
        "{}",
        named.stdout
    );
    let added = partner.json(&["notify", "add", "ops@example.org", "--event=failed"]);
    let id = added["subscription"]["id"].as_str().unwrap();
    let told = both(&service, &partner, &["notify", "list"]);
    assert_eq!(told["subscriptions"][0]["partner"], "acme");
    both(&service, &partner, &["notify", "letters", id]);
    partner.run(&["notify", "remove", id]).succeeds();
    assert_eq!(
        both(&service, &partner, &["notify", "list"])["subscriptions"],
        Value::Array(vec![])
    );
}

/// A proxy that passes on what it is asked, and notes it.
fn proxy(to: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (asked, to) = (Arc::new(Mutex::new(Vec::new())), to.to_owned());
    let noted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, noted, to) = (stream.unwrap(), Arc::clone(&noted), to.clone());
            std::thread::spawn(move || {
                let mut head = [0; 4096];
                let count = stream.read(&mut head).unwrap();
                let text = String::from_utf8_lossy(&head[..count]).into_owned();
                let line = text.lines().next().unwrap().to_owned();
                noted.lock().unwrap().push(line.clone());
                let url = line.split(' ').nth(1).unwrap();
                let path = url.splitn(4, '/').nth(3).unwrap();
                let asked = text.replacen(url, &format!("/{path}"), 1);
                let asked = asked.replacen("\r\n", "\r\nConnection: close\r\n", 1);
                let mut farm = TcpStream::connect(to).unwrap();
                farm.write_all(asked.as_bytes()).unwrap();
                std::io::copy(&mut farm, &mut stream).unwrap();
            });
        }
    });
    (address, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farm_behind_a_proxy_is_asked_through_it() {
    let mut service = Service::new("").await;
    service.start();
    let mut somebody = operator(&service);
    let address = somebody.farm.trim_start_matches("http://").to_owned();
    let (proxy, asked) = proxy(&address);
    somebody.farm = "http://farm.invalid".to_owned();
    let run = |no_proxy: &str| {
        let mut command = somebody.command(&["queue", "show", "--json"]);
        command.env("http_proxy", &proxy).env("no_proxy", no_proxy);
        command.output().unwrap()
    };
    let ran = run("");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stdout)
    );
    assert_eq!(
        *asked.lock().unwrap(),
        ["GET http://farm.invalid/queue HTTP/1.1"]
    );
}
