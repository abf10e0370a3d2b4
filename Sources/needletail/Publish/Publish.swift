import ArgumentParser
import Bytes
import FoundationEssentials
import Model
import Publishing
import Snapshots
import Trainer

struct Publish: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Publish a snapshot, and wait until the fleet serves it.",
    discussion: """
      needletail publish films.ntsnap --to var/repository --model films
      needletail publish films.ntsnap --to https://models.example.com/needletail --model films --repository-token-file token
      needletail publish films.ntsnap --to var/repository --model films --sign needletail.key --alias champion
      needletail publish films.ntsnap --to 's3://bucket/prefix?region=eu-central-1' --model films
      needletail publish films.ntsnap --to var/repository --model films --wait SERVING --nodes http://a:9090,http://b:9090 --min-ready 80%

      Sections that the latest version has are not sent again, and the very same snapshot is not published twice: the \
      version that is there is told of instead. A publish that was interrupted is taken up by the next one. A bucket's \
      credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from files that these names with _FILE point to; \
      AWS_ENDPOINT_URL or ?endpoint=URL names a store that is not Amazon's.

      Ends with 0 when it is done, 65 when the snapshot is no good or nodes reject it, 69 when the repository or every node \
      that is missing cannot be reached, 73 when it cannot be written to, 75 when time is up, 77 when credentials are refused.
      """)

  @Argument(help: "Snapshot file.") var snapshot: String
  @Option(help: "Repository: a folder, http(s)://host/path that takes PUT, or s3://bucket/prefix.") var to: String
  @Option(help: "Model to publish it as.") var model: String
  @Option(help: "Alias to point to the version then: champion, challenger or one of your own.") var alias: String?
  @Option(help: "Secret key file to sign the version and the alias with; see keygen.") var sign: String?
  @OptionGroup var password: PasswordOptions
  @Flag(help: "Say what would be sent, and send nothing.") var dryRun = false
  @Flag(help: "Print one JSON object.") var json = false
  @Option(help: "File with the bearer token that an HTTP repository wants.") var repositoryTokenFile: String?
  @Option(help: "Certificates (PEM) to check an https repository's against.") var certificatesFile: String?
  @Option(help: "Bytes a second that sending may take; 0 for any.") var rateMax = 0
  @Option(help: "Something the manifest shall say, as name=text; repeatable.") var annotation: [String] = []
  @OptionGroup var fleet: FleetOptions

  func validate() throws {
    guard isName(model) else {
      throw ValidationError("the model's name \"\(model)\" must be 1 to 32 of a-z, 0-9 and -")
    }
    if let alias, !isName(alias) {
      throw ValidationError("the alias \"\(alias)\" must be 1 to 32 of a-z, 0-9 and -")
    }
    guard rateMax >= 0 else { throw ValidationError("--rate-max must not be negative") }
    if let wrong = annotation.first(where: { !$0.contains("=") }) {
      throw ValidationError("--annotation \(wrong): write name=text")
    }
  }

  func run() throws {
    try reporting {
      let repository = try open()
      let details = try details()
      if dryRun { return try tell(PublishPlan(snapshotPath: snapshot, model: model, in: repository), repository) }
      // Before anything is sent: it may ask for a password.
      let key = try sign.map { try password.key($0) }
      try checkWait(for: repository)
      if alias == Aliases.challenger { try nameChampion(in: repository, key) }
      let start = ContinuousClock.now
      let published = try send(to: repository, details, key)
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      if let alias {
        try publishing { () throws(PublishError) in
          try repository.setAlias(
            alias, of: model, to: published.identity.version, sign: key?.signAliases(of: model))
        }
      }
      var report = PublishReport(published, at: repository.place, seconds: seconds, alias: alias)
      if let champion = try? champion(barring: published.identity.version, in: repository) {
        report.notes.append(
          "champion is version \(champion); nodes serve \(published.identity.version) only after --alias champion")
      }
      if let note = UserKey.bring(for: snapshot, to: to) { report.notes.append(note) }
      if !json { tell(published, report) }
      guard fleet.waits else {
        fleet.announce(published.identity, at: repository.place)
        return json ? try printJSON(report) : ()
      }
      let (outcome, nodes) = try fleet.wait(for: published.identity, at: repository.place, quietly: json)
      report.nodes = nodes
      if json { try printJSON(report) }
      try fleet.end(outcome, nodes, published.identity)
    }
  }

  private func open() throws -> any WritableRepository {
    var access = RepositoryAccess()
    access.environment = ProcessInfo.processInfo.environment
    access.tokenFile = repositoryTokenFile
    access.certificatesFile = certificatesFile
    access.rateBytesMax = rateMax
    do { return try RepositoryLocation(parsing: to).open(access) } catch {
      throw CommandFailure(.usage, "--to \(error)")
    }
  }

  private func details() throws -> Manifest.Details {
    var fresh = FreshSnapshot(path: snapshot)
    for text in annotation {
      let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      fresh.annotations[String(sides[0])] = String(sides[1])
    }
    guard FileManager.default.isReadableFile(atPath: snapshot) else {
      throw CommandFailure(.noInput, "\(snapshot) cannot be read")
    }
    do { return try fresh.details(of: model) } catch { throw CommandFailure(.data, "\(error)") }
  }

  private func send(
    to repository: any WritableRepository, _ details: Manifest.Details, _ key: SigningKey?
  ) throws -> PublishedVersion {
    var options = PublishOptions()
    options.reusesSameContent = true
    options.sign = key?.signManifest
    let printer = ProgressPrinter()
    defer { printer.finish() }
    return try publishing { () throws(PublishError) in
      let published = try repository.publish(
        snapshotPath: snapshot, model: model, details: details, options: options
      ) { progress in
        printer.show(TrainProgress(.publishing, progress.bytesDone, of: progress.bytesTotal, "bytes"))
      }
      // The very same may have been published before anybody signed.
      if let key, !published.isNew {
        let version = published.identity.version
        try repository.setSignature(
          key.signManifest(repository.manifest(model, version)), of: model, version: version)
      }
      return published
    }
  }

  /// The version that nodes serve instead of this one; nil when nothing keeps them from it.
  private func champion(barring version: Int?, in repository: any Repository) throws -> Int? {
    guard alias != Aliases.champion && alias != Aliases.challenger else { return nil }
    let champion = try publishing { () throws(PublishError) in
      try repository.aliasesFile(of: model).map { (file) throws(PublishError) in
        try Aliases.decode(file.bytes.span.bytes, from: repository.place)
      }?.champion
    }
    return champion == version ? nil : champion
  }

  /// Before anything is sent: no node would come to serve it, and the wait would end with the time.
  private func checkWait(for repository: any Repository) throws {
    guard fleet.waits, let champion = try champion(barring: nil, in: repository) else { return }
    let plan = try publishing { () throws(PublishError) in
      try PublishPlan(snapshotPath: snapshot, model: model, in: repository)
    }
    // The champion's own content is not published again, and its nodes may be waited for.
    if plan.isSame, plan.latest?.identity.version == champion { return }
    throw CommandFailure(
      .usage, "--wait: champion is version \(champion), so no node takes another up; add --alias champion or challenger"
    )
  }

  /// Without a champion the new version, being the largest, would serve before its alias says that it is on trial.
  private func nameChampion(in repository: any WritableRepository, _ key: SigningKey?) throws {
    let listing = try publishing { () throws(PublishError) in try repository.listing(of: model) }
    guard listing.aliases.champion == nil, let present = listing.versions.keys.max() else { return }
    // Nothing is changed for a snapshot that is refused then.
    do { _ = try Snapshot.open(path: snapshot, verify: .checksums) } catch { throw CommandFailure(.data, "\(error)") }
    try publishing { () throws(PublishError) in
      try repository.setAlias(Aliases.champion, of: model, to: present, sign: key?.signAliases(of: model))
    }
    printError("no champion was named: version \(present) is now, so that the challenger is tried beside it")
  }

  // MARK: Telling.

  private func tell(_ plan: PublishPlan, _ repository: any Repository) throws {
    let report = PlanReport(plan, model: model, at: repository.place)
    if json { return try printJSON(report) }
    if plan.isSame, let latest = plan.latest {
      return print("nothing to do: version \(latest.identity.version) (\(latest.identity.digest8)) holds the very same")
    }
    for section in plan.sections {
      print(
        "  \(padded(section.tag.description, 10))\(section.isThere ? "there " : "send  ")\(bytesText(section.byteCount))"
      )
    }
    print(
      "would be version \(plan.nextVersion) of \(model) in \(repository.place): \(bytesText(report.bytesToSend)) of \(bytesText(report.bytes)) to send, before compression"
    )
  }

  private func tell(_ published: PublishedVersion, _ report: PublishReport) {
    for note in report.notes { printError("note: \(note)") }
    print(published.summary)
    if let alias { print("\(alias) is version \(published.identity.version) of \(model)") }
    guard published.sent.wireBytes > 0 else { return }
    print(
      "sent \(bytesText(published.sent.rawBytes)) as \(bytesText(published.sent.wireBytes)) of LZ4 (\(decimals(published.sent.ratio, 2)) to 1) in \(decimals(report.seconds, 1)) s: \(bytesText(Int(report.bytesPerSecond)))/s"
    )
  }
}

/// Turns what a repository says into the end of the command.
func publishing<Result>(_ body: () throws(PublishError) -> Result) throws -> Result {
  do { return try body() } catch {
    let code: CommandFailure.Code =
      switch (error.cause, error.reason) {
      case (.notAllowed, _): .notAllowed
      case (.unreachable, _), (.interrupted, _): .unavailable
      case (.cannotWrite, _): .cannotWrite
      case (nil, .fetchFailed): .unavailable
      default: .data
      }
    throw CommandFailure(code, "\(error)")
  }
}
