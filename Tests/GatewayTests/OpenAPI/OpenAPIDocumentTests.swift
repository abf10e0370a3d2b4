import Configuration
import JSON
import Testing

@testable import Gateway

@Suite struct OpenAPIDocumentTests {
  @Test func `every parameter, reason and source that the code knows is in the document`() throws {
    let document = try OpenAPIDocument(placements: ["home"], settings: Settings(Configuration(flags: [:])))
    let text = String(decoding: document.bytes, as: UTF8.self)
    for parameter in Parameter.allCases {
      #expect(text.contains(#"{"name":"\#(parameter.rawValue)","in":"query""#), "\(parameter)")
      #expect(text.contains(#""\#(parameter.rawValue)":{"description""#), "\(parameter)")
      let isGrouped = parameter.group.map { "/\($0)/\(parameter.rawValue)" } ?? "/\(parameter.rawValue)"
      #expect(parameter.pointer == isGrouped, "\(parameter)")
    }
    for reason in FallbackReason.allCases { #expect(text.contains("\"\(reason.name)\"")) }
    for source in Fallback.Source.allCases { #expect(text.contains("\"\(source.name)\"")) }
  }

  @Test func `it is JSON, whatever the placements are called`() throws {
    let settings = try Settings(Configuration(flags: [:]))
    let parser = JSONParser(maximumBytes: 1 << 20)
    let document = OpenAPIDocument(placements: ["home", "aisle-7"], settings: settings)
    let root = try parser.parse(document.bytes.span.bytes)
    #expect(root["paths"]?.count == 6)
    #expect(document.entityTag == OpenAPIDocument(placements: ["home", "aisle-7"], settings: settings).entityTag)
    #expect(document.entityTag != OpenAPIDocument(placements: ["home"], settings: settings).entityTag)
  }
}
