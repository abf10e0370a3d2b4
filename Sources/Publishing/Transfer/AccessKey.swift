/// Credentials of a bucket, named as AWS's own tools name them: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
/// AWS_SESSION_TOKEN, or each with _FILE behind it and a path. Files are read for each call, so they may be rotated.
struct AccessKey: Equatable {
  let keyID: String
  let secret: String
  let sessionToken: String?

  /// Nil when neither key nor secret is given.
  init?(_ environment: [String: String]) throws(PublishError) {
    func value(_ name: String) throws(PublishError) -> String? {
      if let text = environment[name], !text.isEmpty { return text }
      guard let file = environment[name + "_FILE"], !file.isEmpty else { return nil }
      return try Publishing.secret(inFile: file)
    }
    let (keyID, secret) = (try value("AWS_ACCESS_KEY_ID"), try value("AWS_SECRET_ACCESS_KEY"))
    guard keyID != nil || secret != nil else { return nil }
    guard let keyID, let secret else {
      throw PublishError(
        .fetchFailed, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together, and one is missing",
        cause: .notAllowed)
    }
    (self.keyID, self.secret) = (keyID, secret)
    sessionToken = try value("AWS_SESSION_TOKEN")
  }
}
