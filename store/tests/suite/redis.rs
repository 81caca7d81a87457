//! Each kind of Redis that an address can name, as real servers: two of ours hear each other by it, over its failures.

use std::{
    fs,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use hub_store::redis::{Heard, Redis};
use hub_testkit::{redis::PrivateRedis, wait};
use tokio::task::JoinHandle;

const WITHIN: Duration = Duration::from_secs(20);

/// What was said, and on which channel.
type Said = (String, Vec<u8>);

/// One of the hubs on a Redis.
struct Node {
    redis: Arc<Redis>,
    heard: Arc<Mutex<Vec<Said>>>,
    running: JoinHandle<()>,
}

impl Node {
    fn start(url: &str, name: &str) -> Self {
        let redis = Arc::new(Redis::new(url, format!("hub:1:beat:{name}")).unwrap());
        let heard = Arc::<Mutex<Vec<_>>>::default();
        let taken = Arc::clone(&heard);
        let running = tokio::spawn(Arc::clone(&redis).run(move |heard| {
            if let Heard::Words { channel, words } = heard {
                taken.lock().unwrap().push((channel.to_owned(), words.to_vec()));
            }
        }));
        Self { redis, heard, running }
    }

    async fn until(&self, is_heard: bool) {
        wait::until("Redis to be seen as it is", WITHIN, async || {
            (self.redis.is_heard() == is_heard).then_some(())
        })
        .await;
    }

    /// Says something until the other one hears it: what is said while nobody listens is lost.
    async fn tell(&self, other: &Self, channel: &str, words: &[u8]) {
        wait::until("the words to be heard", WITHIN, async || {
            self.redis.say(channel, words).await.ok();
            let heard = other.heard.lock().unwrap();
            heard.iter().any(|(of, said)| of == channel && said == words).then_some(())
        })
        .await;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Two nodes that hear each other on many channels, so that each shard of a cluster has some.
async fn hear_each_other(url: &str) -> (Node, Node) {
    let (one, two) = (Node::start(url, "one"), Node::start(url, "two"));
    one.until(true).await;
    two.until(true).await;
    for number in 0..20 {
        let channel = format!("hub:1:site:{number}");
        two.redis.listen(channel.clone()).await;
        one.tell(&two, &channel, &[number]).await;
    }
    (one, two)
}

#[test]
fn what_is_no_address_is_none() {
    for url in ["", "10.0.0.8", "http://10.0.0.8", "redis-sentinel://10.0.0.8:26379"] {
        assert!(!Redis::is_address(url), "{url}");
    }
    for url in ["redis://10.0.0.8", "rediss://hub:secret@redis.example:6380/0"] {
        assert!(Redis::is_address(url), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_an_acl_needs_what_the_settings_say_and_no_more() {
    let rights = "resetchannels &hub:1:* +publish +spublish +subscribe +unsubscribe +ssubscribe +sunsubscribe +@connection +info +cluster";
    let mut user = vec!["--user", "hub", "on", ">s3cret"];
    user.extend(rights.split(' '));
    user.extend(["--user", "default", "off"]);
    let server = PrivateRedis::start_with(&user).unwrap();
    let documented =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/SETTINGS.md"));
    assert!(documented.unwrap().contains(rights));
    let url = format!("redis://hub:s3cret@127.0.0.1:{}", server.port());
    let (one, _two) = hear_each_other(&url).await;
    assert!(one.redis.say("others", b"none of ours").await.is_err());

    let stranger = Node::start(&format!("redis://hub:guessed@127.0.0.1:{}", server.port()), "no");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!stranger.redis.is_heard());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_and_one_that_hangs_are_heard_again() {
    let mut server = PrivateRedis::start().unwrap();
    let (one, two) = hear_each_other(&server.url()).await;
    server.kill9();
    two.until(false).await;
    server.restart().unwrap();
    for (number, hangs) in [(31, false), (32, true)] {
        if hangs {
            server.pause();
            two.until(false).await;
            server.resume();
        }
        one.until(true).await;
        two.until(true).await;
        // what was listened to before is listened to
        one.tell(&two, "hub:1:site:3", &[number]).await;
    }
    two.redis.leave("hub:1:site:3".to_owned());
    tokio::time::sleep(Duration::from_millis(300)).await;
    one.redis.say("hub:1:site:3", &[33]).await.unwrap();
    one.tell(&two, "hub:1:site:4", &[34]).await;
    assert!(!two.heard.lock().unwrap().iter().any(|(_, said)| said == &[33]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_heard_by_its_shards() {
    let cluster = ["--cluster-enabled", "yes"];
    let servers: Vec<_> = (0..3).map(|_| PrivateRedis::start_with(&cluster).unwrap()).collect();
    let places: Vec<_> = servers.iter().map(|it| format!("127.0.0.1:{}", it.port())).collect();
    let mut create = Command::new("redis-cli");
    create.args(["--cluster", "create"]).args(&places).arg("--cluster-yes").stdin(Stdio::null());
    let made = create.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    let url = format!("redis-cluster://{}?node={}&node={}", places[0], places[1], places[2]);
    hear_each_other(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_name_the_server_that_is_followed() {
    let mut first = PrivateRedis::start().unwrap();
    let copies_of = format!("127.0.0.1 {}", first.port());
    let second = PrivateRedis::start_with(&["--replicaof", &copies_of]).unwrap();
    let sentinel = PrivateRedis::sentinel(&format!(
        "sentinel monitor hub 127.0.0.1 {} 1\nsentinel down-after-milliseconds hub 500\nsentinel failover-timeout hub 3000\n",
        first.port()
    ))
    .unwrap();
    wait::until("the sentinel to know the copy", WITHIN, async || {
        let known = sentinel.command("SENTINEL replicas hub").unwrap();
        known.contains(&second.port().to_string()).then_some(())
    })
    .await;
    let place = format!("127.0.0.1:{}", sentinel.port());
    let (one, two) =
        hear_each_other(&format!("redis-sentinel://{place}?node={place}&sentinelServiceName=hub"))
            .await;
    first.kill9();
    one.until(false).await;
    wait::until("the other server to be heard", Duration::from_secs(40), async || {
        (one.redis.is_heard() && two.redis.is_heard()).then_some(())
    })
    .await;
    one.tell(&two, "hub:1:site:3", b"after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_tls_of_an_unknown_authority_is_not_spoken_to() {
    let (server, _authority) = PrivateRedis::start_with_tls().unwrap();
    let node = Node::start(&format!("rediss://127.0.0.1:{}", server.port()), "one");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!node.redis.is_heard());
}
