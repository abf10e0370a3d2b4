internal import Glibc

let isRoot = geteuid() == 0

/// A server that the gateway is put beside.
public struct Peer {
  public let port: Int
  public let process: LabProcess
}

extension Lab {
  /// The floor: LoadTests/lib/floor.c, which answers every head with as many prepared bytes, head and body together.
  public func floor(answerBytes: Int, cpus: [Int] = []) throws(LabError) -> Peer {
    let program = "\(folder)/floor"
    if access(program, X_OK) != 0 {
      guard let compiler = ["cc", "clang", "gcc"].lazy.compactMap({ findProgram($0) }).first else {
        throw .missing("no C compiler for the floor program: apt-get install gcc")
      }
      try run("cc", [compiler, "-O2", "-o", program, try Checkout.library("floor.c")], within: 60)
    }
    let port = try freePort()
    return try started("floor", [program, "\(port)", "\(answerBytes)"], port: port, cpus: cpus)
  }

  /// nginx as one process with `return 200`, whose answers have as many bytes, head and body together.
  public func nginxReturn(answerBytes: Int, cpus: [Int] = []) throws(LabError) -> Peer {
    try equalized("nginx return", answerBytes) { bytes throws(LabError) in
      let body = String(repeating: "x", count: bytes)
      return try self.nginx(location: "return 200 '\(body)';", cpus: cpus)
    }
  }

  /// nginx as one process that fetches `/?key=…` from memcached by `memcached_pass`; every one of `keys` is there and
  /// gives as many bytes, head and body together.
  public func nginxMemcached(
    answerBytes: Int, from memcached: MemcachedProcess, keys: [String], cpus: [Int] = []
  ) throws(LabError) -> Peer {
    try equalized("nginx memcached", answerBytes, asking: "/?key=\(keys[0])") { bytes throws(LabError) in
      let body = [UInt8](repeating: UInt8(ascii: "x"), count: bytes)
      try memcached.store(Dictionary(uniqueKeysWithValues: keys.map { ($0, body) }))
      return try self.nginx(
        location: "set $memcached_key $arg_key; memcached_pass pages;",
        upstream: "upstream pages { server \(memcached.address); keepalive 64; }", cpus: cpus)
    }
  }

  /// Varnish with one thread pool that serves one object from memory; what its answers say beside the object (Via,
  /// X-Varnish, Age) is left out, so that every one has as many bytes, head and body together.
  public func varnish(answerBytes: Int, cpus: [Int] = []) throws(LabError) -> Peer {
    try equalized("varnish", answerBytes) { bytes throws(LabError) in
      // Any server will do as its origin: it is asked once.
      let origin = try self.nginx(location: "return 200 '\(String(repeating: "x", count: bytes))';", cpus: cpus)
      return try self.varnish(origin: origin, cpus: cpus)
    }
  }

  private func varnish(origin: Peer, cpus: [Int]) throws(LabError) -> Peer {
    let place = try subfolder("varnish")
    try write(
      """
      vcl 4.1;
      backend origin { .host = "127.0.0.1"; .port = "\(origin.port)"; }
      sub vcl_backend_response { set beresp.ttl = 1h; unset beresp.http.Server; }
      sub vcl_deliver { unset resp.http.Via; unset resp.http.X-Varnish; unset resp.http.Age; }

      """, to: "\(place)/default.vcl")
    let port = try freePort()
    var words = [
      "varnishd", "-F", "-a", "127.0.0.1:\(port)", "-T", "none", "-f", "\(place)/default.vcl", "-s", "malloc,64m",
      "-n", "\(place)/work", "-p", "thread_pools=1", "-p", "thread_pool_min=5", "-p", "thread_pool_max=100",
    ]
    // As root it would change to users of its own, who cannot read our folder.
    if isRoot { words += ["-j", "none"] }
    return try started("varnish", words, port: port, cpus: cpus)
  }

  /// One process, so that its processor time is one number; only errors are logged.
  private func nginx(location: String, upstream: String = "", cpus: [Int]) throws(LabError) -> Peer {
    let port = try freePort(), place = try subfolder("nginx")
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(place)/\($0);" }
    try write(
      """
      daemon off; master_process off; pid \(place)/pid; error_log \(place)/error.log;
      events { worker_connections 4096; }
      http {
        access_log off; keepalive_requests 1000000000; default_type application/json;
        \(temporary.joined(separator: " "))
        \(upstream)
        server { listen 127.0.0.1:\(port); location / { \(location) } }
      }

      """, to: "\(place)/nginx.conf")
    return try started(
      "nginx", ["nginx", "-e", "\(place)/error.log", "-c", "\(place)/nginx.conf"], port: port, cpus: cpus)
  }

  private func started(_ name: String, _ words: [String], port: Int, cpus: [Int]) throws(LabError) -> Peer {
    let process = try start(name, words, cpus: cpus)
    try process.wait(for: "connection") { answers(port: port) }
    return Peer(port: port, process: process)
  }

  /// Starts a peer whose whole answer has `answerBytes`: once to see how long its head is, then with the body that is
  /// left.
  private func equalized(
    _ name: String, _ answerBytes: Int, asking target: String = "/", _ make: (Int) throws(LabError) -> Peer
  ) throws(LabError) -> Peer {
    var bodyBytes = answerBytes / 2
    var found = 0
    // Digits of Content-Length belong to the head: a body that crosses a power of ten needs one more turn.
    for _ in 0..<4 {
      let peer = try make(bodyBytes)
      guard let answer = HTTPAnswer.ask(port: peer.port, target), answer.status == 200 else {
        throw .trouble("\(name) did not answer \(target) with 200:\n\(peer.process.said())")
      }
      if answer.bytesInAll == answerBytes { return peer }
      found = answer.bytesInAll
      peer.process.end()
      bodyBytes += answerBytes - found
      guard bodyBytes > 0 else { break }
    }
    throw .trouble("\(name) cannot be made to answer with \(answerBytes) bytes: it had \(found)")
  }
}
