extension ConfigKey {
  /// Every key there is, in the order of `Config/needletail.yaml`.
  public static let all: [ConfigKey] =
    [
      // Where it listens.
      .init(
        path: "listen", form: .text, fallback: "127.0.0.1:8080",
        effect: "Public address: host:port, [v6]:port or a socket path.", needsRestart: true),
      .init(
        path: "workers", form: .whole(0...256), fallback: "0",
        effect: "Event loops, each with its own thread, connections and L1; 0 is one a core.", needsRestart: true),
      .init(
        path: "admin.listen", form: .text, fallback: "127.0.0.1:9090",
        effect: "Address of metrics and the admin API; keep it on loopback or set admin.tokenFile.", needsRestart: true),
      .init(
        path: "admin.tokenFile", form: .text, fallback: "",
        effect: "File with the bearer token that admin calls must carry; required off loopback."),
      .init(
        path: "echo", form: .flag, fallback: "false",
        effect: "Adds /echo, which answers with what was parsed. For conformance tests only."),

      // What it serves.
      .init(
        path: "repository", form: .text, fallback: "var/repository",
        effect:
          "Where snapshots are published, watched for versions and aliases: a folder, http(s)://host/path, s3://bucket/prefix.",
        needsRestart: true),
      .init(
        path: "model", form: .text, fallback: "",
        effect: "Model that placements without one of their own serve; needed when the repository has several.",
        needsRestart: true),
      .init(
        path: "dataDir", form: .text, fallback: "var/data",
        effect: "Folder for pulled snapshots and event segments; a node restarts from it without the repository.",
        needsRestart: true),
      .init(
        path: "snapshots.pollInterval", form: .duration(.milliseconds(50)...(.seconds(3600))), fallback: "2s",
        effect: "How often the repository is looked at; each wait is shortened by up to a tenth at random."),
      .init(
        path: "snapshots.keepVersions", form: .whole(2...100), fallback: "3",
        effect: "Pulled versions kept on disk for rollback; the one that serves and the previous are never removed."),
      .init(
        path: "snapshots.warmBudget", form: .duration(.zero...(.seconds(600))), fallback: "2s",
        effect: "Longest time a new snapshot spends writing missing segment lists to memcached before it takes over."),
    ] + repositoryKeys + [
      .init(
        path: "trust.keys", form: .list(.text), fallback: "",
        effect:
          "Public keys of minisign, files or the keys themselves: a version serves only if one signed it; none: all serve."),
      .init(
        path: "identity.keyFile", form: .text, fallback: "",
        effect:
          "File with the 32-hex-digit key of user hashes, the same in a fleet; default identity.key in the repository.",
        needsRestart: true),

      // Gates: what a pulled snapshot must come up to before it may serve. Shares and distances are 0…1.
      .init(
        path: "gates.compare", form: .oneOf(["enforce", "report"]), fallback: "enforce",
        effect:
          "Whether a snapshot that differs too much from the one that serves is rejected, or this is only reported."),
      .init(
        path: "gates.samples", form: .whole(20...10_000), fallback: "200",
        effect: "Users, and items, whose lists by the new snapshot are compared with those by the one that serves."),
      .init(
        path: "gates.budget", form: .duration(.milliseconds(1)...(.seconds(600))), fallback: "2s",
        effect: "Longest time for comparing lists; what is not compared by then is left out."),
      .init(
        path: "gates.memoryReserve", form: .bytes(0...(1 << 44)), fallback: "64MiB",
        effect: "Memory that must stay free once a new snapshot is loaded; else it is not even pulled, and tried again."),
      .init(
        path: "gates.dimensionMayChange", form: .flag, fallback: "false",
        effect: "Whether a snapshot may have another dimension than the one that serves."),
      .init(
        path: "gates.itemDropMax", form: .number(0...1), fallback: "0.2",
        effect: "Largest share by which the number of items may fall."),
      .init(
        path: "gates.itemsKeptMin", form: .number(0...1), fallback: "0.5",
        effect: "Least share of the items that serve which must still be there, by their ids."),
      .init(
        path: "gates.usersKeptMin", form: .number(0...1), fallback: "0.5",
        effect: "Least share of the users that are known which must still be known."),
      .init(
        path: "gates.probeRecallMin", form: .number(0...1), fallback: "0.85",
        effect: "Least share of the exact answers to a snapshot's own probes that its index must find."),
      .init(
        path: "gates.overlapUsersMin", form: .number(0...1), fallback: "0.3",
        effect: "Least mean share of a known user's first 20 items that both snapshots name."),
      .init(
        path: "gates.overlapWindowsMin", form: .number(0...1), fallback: "0.3",
        effect: "The same for lists that follow from a user's last ten items alone."),
      .init(
        path: "gates.overlapSegmentsMin", form: .number(0...1), fallback: "0.15",
        effect: "The same for the lists of the segments that a user is in, which are formed anew each time."),
      .init(
        path: "gates.overlapItemsMin", form: .number(0...1), fallback: "0.2",
        effect: "The same for similar items."),
      .init(
        path: "gates.scoreDistanceMax", form: .number(0...1), fallback: "0.3",
        effect: "Largest Kolmogorov-Smirnov distance of the scores in users' lists to those of the snapshot that serves."),
      .init(
        path: "gates.normDistanceMax", form: .number(0...1), fallback: "0.4",
        effect: "Largest Kolmogorov-Smirnov distance of vectors' lengths, of items and of users."),
      .init(
        path: "gates.coverageMin", form: .number(0...1), fallback: "0.02",
        effect: "Least share of the places of sampled lists, or of the catalogue if that is smaller, that differ."),
      .init(
        path: "gates.coverageRatioMin", form: .number(0...10), fallback: "0.5",
        effect: "The same beside the snapshot that serves: 0.5 is half as many different items."),
      .init(
        path: "gates.latencyMax", form: .duration(.milliseconds(1)...(.seconds(10))), fallback: "20ms",
        effect: "Longest median time that making a list may take on this node."),
      .init(
        path: "gates.latencyRatioMax", form: .number(1...1000), fallback: "4",
        effect: "The same beside the snapshot that serves, measured in turns with it."),

      // The second cache.
      .init(
        path: "memcached.servers", form: .list(.text), fallback: "",
        effect: "Nodes as host:port[:weight] or a socket path, spelled alike on every client; none for no L2."),
      .init(
        path: "memcached.namespace", form: .text, fallback: "default",
        effect: "Second part of every key, [a-z0-9-]{1,32}; sets fleets apart that share a memcached.",
        needsRestart: true),
      .init(
        path: "memcached.timeout", form: .duration(.milliseconds(1)...(.seconds(5))), fallback: "8ms",
        effect: "Longest wait for a reply; then the connection is closed and what it owed is a miss."),
      .init(
        path: "memcached.connectTimeout", form: .duration(.milliseconds(1)...(.seconds(30))), fallback: "250ms",
        effect: "Longest wait for a connection to a node before the next backoff."),

      // The first cache.
      .init(
        path: "cache.l1.bytes", form: .bytes(0...(64 << 30)), fallback: "64MiB",
        effect: "Rendered lists and windows that one worker holds; 0 turns the first cache off."),
      .init(
        path: "window.fresh", form: .duration(.zero...(.seconds(3600))), fallback: "5s",
        effect: "How long a worker trusts its copy of a user's window that another node may have changed."),

      // HTTP limits. Memory of a worker: connectionsMax x some 30 KiB at rest; a connection whose body is arriving holds
      // up to twice the body's limit, one that does not read its answers outputBytes and 128 KiB.
      .init(
        path: "http.connectionsMax", form: .whole(1...1_000_000), fallback: "10000",
        effect: "Connections a worker holds; above it the longest idle one is closed, else the new one."),
      .init(
        path: "http.pipelinedMax", form: .whole(1...1024), fallback: "64",
        effect: "Requests of one connection answered before others get a turn; if about as many wait, reading pauses."),
      .init(
        path: "http.headBytes", form: .bytes(1024...32768), fallback: "32KiB",
        effect: "Longest request head, trailers included; 431 above."),
      .init(
        path: "http.bodyBytes", form: .bytes(1024...(16 << 20)), fallback: "64KiB",
        effect: "Longest body of a recommendation request; 413 above."),
      .init(
        path: "http.outputBytes", form: .bytes(4096...(64 << 20)), fallback: "256KiB",
        effect: "Output that one connection may have unsent before it is no longer read from."),
      .init(
        path: "http.bufferBytes", form: .bytes(1 << 20...(64 << 30)), fallback: "64MiB",
        effect:
          "What arriving requests and unread answers of all a worker's connections may hold; the slowest goes above.",
        needsRestart: true),
      .init(
        path: "http.headTimeout", form: .duration(.milliseconds(100)...(.seconds(600))), fallback: "10s",
        effect: "From a request's first byte to the end of its head, however it arrives; 408 above."),
      .init(
        path: "http.bodyTimeout", form: .duration(.milliseconds(100)...(.seconds(3600))), fallback: "30s",
        effect: "From the end of a request's head to the end of its body; 408 above."),
      .init(
        path: "http.rateMin", form: .bytes(0...(1 << 30)), fallback: "1KiB",
        effect: "Bytes a second that a client must send of a body, after 5 s, and read of waiting answers; 0 for any."),
      .init(
        path: "http.idleTimeout", form: .duration(.milliseconds(100)...(.seconds(3600))), fallback: "60s",
        effect:
          "How long a connection may be idle between two requests; from half of connectionsMax on less, down to 1 s."),
      .init(
        path: "http.writeTimeout", form: .duration(.milliseconds(100)...(.seconds(600))), fallback: "10s",
        effect: "How long a client may read waiting answers more slowly than rateMin before it is cut off."),
      .init(
        path: "http.drainTimeout", form: .duration(.zero...(.seconds(600))), fallback: "15s",
        effect: "From SIGTERM to the end, lame-duck time included; what is not answered by then is cut."),
      .init(
        path: "http.lameDuck", form: .duration(.zero...(.seconds(600))), fallback: "0s",
        effect:
          "How long after SIGTERM it still accepts while /readyz says 503: a balancer's check interval times its failures."
      ),
      .init(
        path: "http.accept", form: .oneOf(["reuseport", "shared", "handover"]), fallback: "reuseport",
        effect:
          "How connections come to workers: a socket each, one socket in every loop, or one thread that hands them out.",
        needsRestart: true),
      .init(
        path: "http.serverTiming", form: .flag, fallback: "false",
        effect: "Adds Server-Timing to recommendations: it shows pages, and the origins of cors, how long stages take."),
      .init(
        path: "cors.origins", form: .list(.text), fallback: "",
        effect: "Origins whose pages may read answers; * for all, none by default."),

      // Overload. Each worker computes one list at a time; these bound what waits for it.
      .init(
        path: "overload.computeQueueMax", form: .whole(1...65_536), fallback: "1024",
        effect: "Lists that may wait to be computed in a worker; above it the oldest is answered with what is trending.",
        needsRestart: true),
      .init(
        path: "overload.targetDelay", form: .duration(.milliseconds(1)...(.seconds(1))), fallback: "5ms",
        effect: "Longest wait to be computed once the queue has not been empty for overload.interval; scales all levels.",
        needsRestart: true),
      .init(
        path: "overload.interval", form: .duration(.milliseconds(10)...(.seconds(10))), fallback: "100ms",
        effect: "How long a burst may last, and how long a pressure level must have been quiet before it falls by one.",
        needsRestart: true),
      .init(
        path: "overload.bufferedBytes", form: .bytes((1 << 20)...(64 << 30)), fallback: "256MiB",
        effect: "Held of http.bufferBytes at which no new connection is taken; only in force if that is larger.",
        needsRestart: true),

      // Events.
      .init(
        path: "events.batchMax", form: .whole(1...1000), fallback: "500",
        effect: "Events that one POST may hold; 413 above."),
      .init(
        path: "events.bodyBytes", form: .bytes(1024...(16 << 20)), fallback: "512KiB",
        effect: "Longest body of POST /v1/events; 413 above."),
      .init(
        path: "events.queueMax", form: .whole(1...1_000_000), fallback: "65536",
        effect: "Accepted events that wait for the disk; above it they are dropped and counted, never waited for.",
        needsRestart: true),

      // Context buckets.
      .init(
        path: "context.languages", form: .list(.text), fallback: "",
        effect: "Languages that have a bucket of their own, as in en or de; all others share one.", needsRestart: true),
      .init(
        path: "context.regions", form: .list(.text), fallback: "",
        effect: "Regions that have a bucket of their own, as in US or DE; all others share one.", needsRestart: true),

      // Logs.
      .init(
        path: "log.level", form: .oneOf(["trace", "debug", "info", "notice", "warning", "error"]), fallback: "info",
        effect: "Lowest level that is written."),
      .init(
        path: "log.format", form: .oneOf(["auto", "text", "json"]), fallback: "auto",
        effect: "text on a terminal and json otherwise, or one of them always.", needsRestart: true),
    ] + canaryKeys + placementKeys

  /// Keys under `placements.<name>`. An empty default leaves the choice to the snapshot.
  private static let placementKeys: [ConfigKey] = [
    .init(
      path: "placements.*.model", form: .text, fallback: "",
      effect: "Model that this placement serves; without it the one of `model`.", needsRestart: true),
    .init(
      path: "placements.*.scope", form: .oneOf(["segment", "user", "auto"]), fallback: "auto",
      effect: "Whose list answers: the segment's, the user's, or the user's once there is a window."),
    .init(
      path: "placements.*.fresh", form: .duration(.seconds(1)...(.seconds(604_800))), fallback: "60s",
      effect: "How long a list is served without a refresh."),
    .init(
      path: "placements.*.stale", form: .duration(.zero...(.seconds(604_800))), fallback: "300s",
      effect: "How long after that it may be served while it is refreshed."),
    .init(
      path: "placements.*.deadline", form: .duration(.milliseconds(1)...(.seconds(10))), fallback: "50ms",
      effect: "When the best answer so far is sent; caps the request's timeoutMs."),
    .init(
      path: "placements.*.numResults", form: .whole(1...100), fallback: "10",
      effect: "Items of an answer when the request does not say."),
    .init(
      path: "placements.*.listItems", form: .whole(1...100), fallback: "100",
      effect: "Items of a rendered list, and the largest numResults."),
    .init(
      path: "placements.*.context", form: .list(.oneOf(["device", "language", "region", "daypart"])), fallback: "",
      effect: "Context dimensions that this placement has lists for."),
    .init(
      path: "placements.*.external", form: .flag, fallback: "false",
      effect: "Whether lists that other programs write under nt1x: are read for segments."),
    .init(
      path: "placements.*.filter", form: .text, fallback: "",
      effect: "Filter that always applies, as in category:shoes,-category:sale."),
    .init(
      path: "placements.*.candidates", form: .whole(10...500), fallback: "",
      effect: "Items that the search hands to the rerank."),
    .init(
      path: "placements.*.weights.similarity", form: .number(0...100), fallback: "",
      effect: "Weight of the model's own score, scaled to 0…1 among the candidates."),
    .init(
      path: "placements.*.weights.popularity", form: .number(-100...100), fallback: "",
      effect: "Weight of popularity, 0…1."),
    .init(
      path: "placements.*.weights.freshness", form: .number(-100...100), fallback: "",
      effect: "Weight of freshness, which halves every freshnessHalfLife."),
    .init(
      path: "placements.*.weights.affinity", form: .number(-100...100), fallback: "",
      effect: "Weight of the share of the user's window that has a category in common."),
    .init(
      path: "placements.*.weights.context", form: .number(-100...100), fallback: "",
      effect: "Weight of an item being trending in the segment that the context maps to."),
    .init(
      path: "placements.*.freshnessHalfLife", form: .duration(.seconds(3600)...(.seconds(315_360_000))), fallback: "",
      effect: "Age at which freshness is one half."),
    .init(
      path: "placements.*.diversity", form: .number(0...1), fallback: "",
      effect: "MMR's λ: 0 ranks by score alone, 1 by difference from what is already in the list."),
  ]
}
