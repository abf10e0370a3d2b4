import FoundationEssentials
import TestSupport
import Testing

extension Integration {
  /// The API's description of itself.
  @Suite struct OpenAPITests {
    let gateway: RunningGateway
    let client: HTTPClient

    init() throws {
      gateway = try RunningGateway(TestRepository(), flags: ["cors.origins": ["*"]])
      client = gateway.connect()
    }

    private func document() throws -> JSON {
      try #require(client.get("/openapi.json")).decoded()
    }

    /// JSON of any shape.
    enum JSON: Decodable {
      case object([String: JSON])
      case array([JSON])
      case text(String)
      case other

      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let object = try? container.decode([String: JSON].self) {
          self = .object(object)
        } else if let array = try? container.decode([JSON].self) {
          self = .array(array)
        } else if let text = try? container.decode(String.self) {
          self = .text(text)
        } else {
          self = .other
        }
      }

      subscript(_ path: String...) -> JSON? {
        var at: JSON? = self
        for name in path {
          guard case .object(let members)? = at else { return nil }
          at = members[name]
        }
        return at
      }

      var names: [String] { if case .object(let members) = self { members.keys.sorted() } else { [] } }
      var elements: [JSON] { if case .array(let elements) = self { elements } else { [] } }
      var text: String? { if case .text(let text) = self { text } else { nil } }

      /// Every `$ref` in it.
      var references: [String] {
        switch self {
        case .object(let members): members.flatMap { $0 == "$ref" ? [$1.text ?? ""] : $1.references }
        case .array(let elements): elements.flatMap(\.references)
        default: []
        }
      }
    }

    @Test func `it is OpenAPI 3_1 and names every path, with the methods that each answers`() throws {
      let document = try document()
      #expect(document["openapi"]?.text == "3.1.0")
      let paths = try #require(document["paths"])
      #expect(
        paths.names == [
          "/livez", "/openapi.json", "/readyz", "/v1/events", "/v1/placements/{placement}/recommendations",
          "/v1/recommendations:batch",
        ])
      for path in paths.names {
        let allowed = try #require(client.ask("OPTIONS", path.replacing("{placement}", with: "home"))?["Allow"])
        let wanted = allowed.lowercased().split(separator: ", ").map(String.init).filter { !["head", "options"].contains($0) }
        #expect(Set(paths[path]!.names).subtracting(["parameters"]) == Set(wanted), "\(path)")
      }
    }

    @Test func `every reference in it leads somewhere`() throws {
      let document = try document()
      let schemas = try #require(document["components", "schemas"]).names
      let references = Set(document.references)
      #expect(!references.isEmpty)
      for reference in references {
        #expect(reference.hasPrefix("#/components/schemas/") && schemas.contains(String(reference.dropFirst(21))), "\(reference)")
      }
      #expect(Set(references.map { String($0.dropFirst(21)) }) == Set(schemas), "and nothing in it is unused")
    }

    @Test func `it names this gateway's placements, and every parameter in query and body alike`() throws {
      let document = try document()
      let recommendations = try #require(document["paths", "/v1/placements/{placement}/recommendations"])
      let placements = recommendations["parameters"]?.elements.first?["schema", "enum"]?.elements.compactMap(\.text)
      #expect(placements == ["detail", "home", "trending"])
      let query = (recommendations["get", "parameters"]?.elements ?? []).compactMap { $0["name"]?.text }
      let body = try #require(document["components", "schemas", "Request", "properties"])
      let members =
        body.names.filter { !["context", "experiment"].contains($0) }
        + (body["context", "properties"]?.names ?? []) + (body["experiment", "properties"]?.names ?? [])
      #expect(query.count == 17 && query.sorted() == members.sorted())
      // A value that a schema excludes is refused by name: the code knows the parameter that the text names.
      for (name, value) in [("numResults", "101"), ("numResults", "0"), ("timeoutMs", "60001"), ("hour", "24"), ("strictFiltering", "2")] {
        #expect(try client.get(target("home", "\(name)=\(value)"))?.problem.errors?.first?.parameter == name)
      }
    }

    @Test func `it may be kept for an hour and is told unchanged after`() throws {
      let first = try #require(client.get("/openapi.json"))
      #expect(first["Cache-Control"] == "public, max-age=3600" && first["Access-Control-Allow-Origin"] == "*")
      #expect(first["Content-Type"] == "application/json")
      let tag = try #require(first["ETag"])
      let again = try #require(client.get("/openapi.json", ["If-None-Match: \(tag)"]))
      #expect(again.status == 304 && again["ETag"] == tag && again.body.isEmpty)
      #expect(client.ask("HEAD", "/openapi.json")?["Content-Length"] == first["Content-Length"])
      #expect(gateway.connect().get("/openapi.json")?["ETag"] == tag)
    }
  }
}
