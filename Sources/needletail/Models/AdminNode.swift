import ArgumentParser
import FoundationEssentials
import Publishing

/// How to reach a node's admin listener.
struct AdminOptions: ParsableArguments {
  @Option(help: "Address of the node's admin listener.") var node = "127.0.0.1:9090"
  @Option(help: "File with the bearer token of the node's admin.tokenFile.") var tokenFile: String?
  @Flag(help: "Print the node's answer as JSON.") var json = false
}

/// The models API of one node, as types.
struct AdminNode {
  struct Model: Decodable {
    struct Version: Decodable {
      let version: Int
      let state: String
      let reason: String?
      let detail: String
      let progress: Double?
    }

    let name: String
    let serving: Int?
    let previous: Int?
    let pinned: Int?
    let versions: [Version]
    /// Null, or absent on an older node, while no challenger is tried.
    let canary: Canary?
  }

  private let http: BlockingHTTP
  private let fields: [String]

  init(_ options: AdminOptions) throws {
    http = BlockingHTTP(address: options.node)
    guard let path = options.tokenFile else {
      fields = []
      return
    }
    do { fields = ["Authorization: Bearer \(try secret(inFile: path))"] } catch {
      throw CommandFailure(.noInput, error.detail)
    }
  }

  /// The body of the answer; a refusal becomes an error that says what the node said.
  func call(_ method: String, _ target: String, _ body: String = "") throws -> String {
    let answer = try http.get(target, method: method, fields: fields, body: body)
    guard !(200..<300).contains(answer.status) else { return answer.body }
    struct Problem: Decodable { let detail: String }
    let problem = try? JSONDecoder().decode(Problem.self, from: Data(answer.body.utf8))
    let code: CommandFailure.Code =
      switch answer.status {
      case 401, 403: .notAllowed
      case 400..<500: .data
      default: .unavailable
      }
    throw CommandFailure(code, problem?.detail ?? "the node answers \(answer.status): \(answer.body.prefix(200))")
  }

  static func decode<Value: Decodable>(_ type: Value.Type, _ body: String) throws -> Value {
    do { return try JSONDecoder().decode(type, from: Data(body.utf8)) } catch {
      throw CommandFailure(.data, "the answer is not what this version of needletail expects: \(body.prefix(200))")
    }
  }
}
