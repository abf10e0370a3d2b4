/// Where a repository is, as people write it.
///
///     var/repository   file:///srv/repository
///     https://models.example.com/needletail
///     s3://bucket/prefix?region=eu-central-1
///     s3://bucket?endpoint=http://127.0.0.1:9000
public enum RepositoryLocation: Sendable, Equatable {
  case folder(String)
  case web(WebAddress)
  case bucket(BucketAddress)

  /// A location that is none, in a sentence.
  public struct Mistake: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
  }

  public init(parsing text: String) throws(Mistake) {
    guard let separator = text.firstRange(of: "://") else {
      guard !text.isEmpty else { throw Mistake(description: "no repository is named") }
      self = .folder(text)
      return
    }
    let rest = text[separator.upperBound...]
    switch text[..<separator.lowerBound] {
    case "file":
      guard rest.hasPrefix("/") else {
        throw Mistake(description: "\"\(text)\": a file URL has three slashes, as in file:///srv/repository")
      }
      self = .folder(String(rest))
    case "http", "https": self = .web(try WebAddress(parsing: text))
    case "s3": self = .bucket(try BucketAddress(parsing: text))
    case let scheme:
      throw Mistake(description: "\"\(scheme)\" is no kind of repository; there are folders, http, https and s3")
    }
  }

  /// The folder, where it is one.
  public var folder: String? { if case .folder(let path) = self { path } else { nil } }
}

/// The root of a repository on a web server: `https://host:port/path`, without a slash at the end.
public struct WebAddress: Sendable, Equatable, CustomStringConvertible {
  /// `http` or `https`.
  public let scheme: String
  /// Host and port, as in `127.0.0.1:8090`.
  public let authority: String
  /// Empty, or with a slash at its start and none at its end.
  public let path: String

  public var description: String { "\(scheme)://\(authority)\(path)" }

  public init(parsing text: String) throws(RepositoryLocation.Mistake) {
    func mistake(_ what: String) -> RepositoryLocation.Mistake {
      RepositoryLocation.Mistake(description: "\"\(withoutSecrets(text))\": \(what)")
    }
    guard let separator = text.firstRange(of: "://") else { throw mistake("is no URL") }
    // Anywhere in it: a password may hold the slash that would end the host.
    guard !text.contains("@") else { throw mistake("credentials do not belong into a URL; give a token by file") }
    scheme = String(text[..<separator.lowerBound])
    guard scheme == "http" || scheme == "https" else { throw mistake("is neither http nor https") }
    let rest = text[separator.upperBound...]
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    authority = String(rest[..<slash])
    var path = String(rest[slash...])
    while path.hasSuffix("/") { path.removeLast() }
    self.path = path
    guard isAuthority(authority) else { throw mistake("\"\(authority)\" is no host with or without a port") }
    guard isPlainPath(path) else {
      throw mistake("the path may have letters, digits and . _ ~ - between slashes, no query, and no . or .. as a part")
    }
  }
}

/// A bucket of an S3-compatible store, with the prefix that all keys get.
public struct BucketAddress: Sendable, Equatable, CustomStringConvertible {
  public let bucket: String
  /// Empty, or without slashes at its ends.
  public let prefix: String
  /// Nil: Amazon's, or what AWS_ENDPOINT_URL says.
  public let endpoint: WebAddress?
  /// Nil: what AWS_REGION or AWS_DEFAULT_REGION says, else us-east-1.
  public let region: String?

  public var description: String {
    let options = [endpoint.map { "endpoint=\($0)" }, region.map { "region=\($0)" }].compactMap { $0 }
    let query = options.isEmpty ? "" : "?" + options.joined(separator: "&")
    return "s3://\(bucket)\(prefix.isEmpty ? "" : "/")\(prefix)\(query)"
  }

  public init(parsing text: String) throws(RepositoryLocation.Mistake) {
    func mistake(_ what: String) -> RepositoryLocation.Mistake {
      RepositoryLocation.Mistake(description: "\"\(withoutSecrets(text))\": \(what)")
    }
    // Anywhere in it: secret keys hold slashes.
    guard !text.contains("@") else {
      throw mistake(
        "credentials do not belong into a URL; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY hold them")
    }
    let halves = text.dropFirst("s3://".count).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let parts = halves[0].split(separator: "/")
    bucket = parts.first.map(String.init) ?? ""
    prefix = parts.dropFirst().joined(separator: "/")
    guard (3...63).contains(bucket.utf8.count), bucket.utf8.allSatisfy({ isBucketByte($0) }), !bucket.contains("..")
    else { throw mistake("\"\(bucket)\" is no bucket: 3 to 63 of a-z, 0-9, . and -") }
    guard isPlainPath(prefix.isEmpty ? "" : "/" + prefix) else {
      throw mistake("the prefix may have letters, digits and . _ ~ - between slashes, and no . or .. as a part")
    }
    var (endpoint, region): (WebAddress?, String?) = (nil, nil)
    for option in halves.dropFirst().joined().split(separator: "&") {
      let sides = option.split(separator: "=", maxSplits: 1).map(String.init)
      guard sides.count == 2 else {
        throw mistake("\"\(option)\" is no option; there are endpoint=URL and region=NAME")
      }
      switch sides[0] {
      case "endpoint": endpoint = try WebAddress(parsing: sides[1])
      case "region": region = sides[1]
      default: throw mistake("\"\(sides[0])\" is no option; there are endpoint and region")
      }
    }
    guard region.map(isRegion) ?? true else { throw mistake("\"\(region!)\" is no region: a-z, 0-9 and -") }
    (self.endpoint, self.region) = (endpoint, region)
  }
}

/// Of an endpoint, a region: what AWS's own say, and nothing that means something in a URL or a signature's scope.
func isRegion(_ text: String) -> Bool {
  (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { isLowercaseOrDigit($0) || $0 == UInt8(ascii: "-") }
}

/// `host`, `host:port`, `[v6]:port`.
private func isAuthority(_ text: String) -> Bool {
  var host = text[...]
  if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
    guard let port = Int(text[text.index(after: colon)...]), (1...65535).contains(port) else { return false }
    host = text[..<colon]
  }
  if host.hasPrefix("["), host.hasSuffix("]") {
    return host.count > 2 && host.dropFirst().dropLast().utf8.allSatisfy { isHexadecimal($0) || $0 == 58 || $0 == 46 }
  }
  return !host.isEmpty && host.utf8.count <= 253
    && host.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
}

/// A path whose every byte stands for itself in a URL and in a signature's canonical form, so that none needs escapes.
private func isPlainPath(_ path: String) -> Bool {
  path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().allSatisfy { part in
    !part.isEmpty && part != "." && part != ".."
      && part.utf8.allSatisfy { isLetterOrDigit($0) || [46, 95, 126, 45].contains($0) }  // . _ ~ -
  }
}

private func isLowercaseOrDigit(_ byte: UInt8) -> Bool { (97...122).contains(byte) || (48...57).contains(byte) }
private func isLetterOrDigit(_ byte: UInt8) -> Bool { isLowercaseOrDigit(byte) || (65...90).contains(byte) }
private func isHexadecimal(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (97...102).contains(byte | 32) }
private func isBucketByte(_ byte: UInt8) -> Bool { isLowercaseOrDigit(byte) || byte == 45 || byte == 46 }

/// A location without what somebody may have put before an @.
private func withoutSecrets(_ text: String) -> String {
  guard let at = text.lastIndex(of: "@"), let start = text.firstRange(of: "://") else { return text }
  return start.upperBound <= at ? text[..<start.upperBound] + "…" + text[at...] : text
}
