import Bytes
import Configuration

/// `/openapi.json`: the public API as this gateway serves it, in OpenAPI 3.1. Composed once, from the tables that the
/// code reads requests by, so that it can neither lack a parameter nor promise one.
struct OpenAPIDocument {
  let bytes: [UInt8]
  /// As it is sent.
  let entityTag: String

  init(placements: [String], settings: Settings) {
    let bytes = Array(OpenAPIDocument.text(placements: placements, settings).utf8)
    self.bytes = bytes
    var tag = ByteBuffer(capacity: 24)
    tag.append("W/\"" as StaticString)
    tag.append(hex: xxh3(bytes.span.bytes))
    tag.append("\"" as StaticString)
    entityTag = String(copying: tag.bytes)
  }

  /// How long caches keep it: it changes with the configuration and the gateway's version.
  static let freshSeconds = 3600

  private static func text(placements: [String], _ settings: Settings) -> String {
    let names = placements.map { "\"\($0)\"" }.joined(separator: ",")
    return #"""
      {"openapi":"3.1.0","info":{"title":"Needletail","version":"1","summary":"What should this person see next.",
      "description":"Recommendations from the nearest cache. Every answer names its tier in Cache-Status and, where it is not the one asked for, says why in fallback. Unknown parameters and members are ignored."},
      "paths":{
      "/v1/placements/{placement}/recommendations":{
      "parameters":[{"name":"placement","in":"path","required":true,"description":"A shelf of a page.","schema":{"type":"string","enum":[\#(names)]}}],
      "get":{"operationId":"recommend","summary":"One shelf.","parameters":[\#(queryParameters)],"responses":{\#(answers("Recommendations", conditional: true))}},
      "post":{"operationId":"recommendByBody","summary":"The same, for long lists.","requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Request"}}}},
      "responses":{\#(answers("Recommendations", conditional: false))}}},
      "/v1/recommendations:batch":{"post":{"operationId":"recommendBatch","summary":"Several shelves of a page, each item once.",
      "description":"Items that an earlier response shows are left out of later ones. A request that is wrong has its problem in its place. At most \#(BatchRequest.requestsMax) requests, \#(BatchRequest.itemsMax) items together and \#(BatchRequest.bodyBytesMax(settings.http)) bytes.",
      "requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Batch"}}}},
      "responses":{\#(answers("BatchResponses", conditional: false))}}},
      "/v1/events":{"post":{"operationId":"takeEvents","summary":"What a user did. The next answer reflects it once this is answered.",
      "description":"At most \#(settings.events.batchMax) events and \#(settings.events.bodyBytes) bytes. text/plain is taken too, as sendBeacon sends it.",
      "requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Events"}}}},
      "responses":{"202":{"description":"Taken, but for those that are named.","content":{"application/json":{"schema":{"$ref":"#/components/schemas/EventCounts"}}}},\#(problems)}}},
      "/livez":{"get":{"operationId":"live","summary":"The loop turns.","responses":{"200":{"description":"It does."}}}},
      "/readyz":{"get":{"operationId":"ready","summary":"A snapshot serves.","responses":{"200":{"description":"One does."},"503":\#(problem("None does yet, or the node is draining."))}}},
      "/openapi.json":{"get":{"operationId":"describe","summary":"This document.","responses":{"200":{"description":"OpenAPI 3.1."},"304":{"description":"Unchanged."}}}}
      },
      "components":{"schemas":{\#(schemas(names))}}}
      """#
  }

  // MARK: Requests.

  private static var queryParameters: String {
    Parameter.allCases.map { parameter in
      let isList = parameter == .exclude || parameter == .fields
      // A list stands in one parameter, with commas.
      let style = isList ? #""style":"form","explode":false,"# : ""
      return
        #"{"name":"\#(parameter.rawValue)","in":"query",\#(style)"description":"\#(parameter.sentence)","schema":\#(parameter.schema)}"#
    }.joined(separator: ",")
  }

  /// The members of a body that stand under a name, or those of the body itself.
  private static func members(under group: String?) -> String {
    Parameter.allCases.filter { $0.group == group }.map { parameter in
      var schema = parameter.schema
      // The text of a query, or conditions by field.
      if parameter == .filter { schema = #"{"oneOf":[\#(schema),\#(reference("Filter"))]}"# }
      return #""\#(parameter.rawValue)":{"description":"\#(parameter.sentence)","anyOf":[\#(schema),{"type":"null"}]}"#
    }.joined(separator: ",")
  }

  private static func reference(_ schema: String) -> String { "{\"$ref\":\"#/components/schemas/\(schema)\"}" }

  // MARK: Answers.

  private static func problem(_ description: String) -> String {
    #"{"description":"\#(description)","content":{"application/problem+json":{"schema":\#(reference("Problem"))}}}"#
  }

  private static var problems: String {
    #""400":\#(problem("Something in the request is wrong, and named.")),"413":\#(problem("Too much of something, or too long."))"#
  }

  private static func answers(_ schema: String, conditional: Bool) -> String {
    let headers = ["Cache-Status", "Cache-Control", "Age", "ETag", "Server-Timing"].map {
      #""\#($0)":{"schema":{"type":"string"}}"#
    }.joined(separator: ",")
    let unchanged =
      conditional ? #""304":{"description":"If-None-Match names the answer that the client has."},"# : ""
    return
      #""200":{"description":"Answered.","headers":{\#(headers)},"content":{"application/json":{"schema":\#(reference(schema))}}},\#(unchanged)\#(problems),"404":\#(problem("There is no such placement.")),"503":\#(problem("Too busy, or about to stop: come again after Retry-After."))"#
  }

  private static func schemas(_ placementNames: String) -> String {
    let reasons = FallbackReason.allCases.map { "\"\($0.name)\"" }.joined(separator: ",")
    let sources = Fallback.Source.allCases.map { "\"\($0.name)\"" }.joined(separator: ",")
    return #"""
      "Request":{"type":"object","properties":{\#(members(under: nil)),
      "context":{"type":["object","null"],"properties":{\#(members(under: "context"))}},
      "experiment":{"type":["object","null"],"properties":{\#(members(under: "experiment"))}}}},
      "Filter":{"type":"object","properties":{"category":\#(texts),"not":{"type":"object","properties":{"category":\#(texts)}}}},
      "Batch":{"type":"object","required":["requests"],"properties":{"requests":{"type":"array","minItems":1,"maxItems":\#(BatchRequest.requestsMax),
      "items":{"allOf":[{"$ref":"#/components/schemas/Request"},{"type":"object","required":["placement"],"properties":{"placement":{"type":"string","enum":[\#(placementNames)]}}}]}}}},
      "BatchResponses":{"type":"object","required":["responses"],"properties":{"responses":{"type":"array","items":{"oneOf":[{"$ref":"#/components/schemas/Recommendations"},{"$ref":"#/components/schemas/Problem"}]}}}},
      "Recommendations":{"type":"object","required":["recommendationId","placement","items","fallback","model"],"properties":{
      "recommendationId":{"type":"string","description":"Names this answer in events.","pattern":"^[0-9A-HJKMNP-TV-Z]{26}$"},
      "placement":{"type":"string"},"items":{"type":"array","items":{"$ref":"#/components/schemas/Item"}},
      "fallback":{"oneOf":[{"type":"null"},{"$ref":"#/components/schemas/Fallback"}]},
      "model":{"oneOf":[{"type":"null"},{"type":"object","required":["name","version"],"properties":{"name":{"type":"string"},"version":{"type":"integer"}}}]}}},
      "Item":{"type":"object","required":["itemId","score","reason","metadata"],"properties":{"itemId":{"type":"string"},"score":{"type":"number","minimum":0},
      "reason":{"type":"string","enum":["personalized","similar","popular","exploration","promoted"]},"metadata":{"type":"object"}}},
      "Fallback":{"type":"object","required":["reason","source"],"properties":{"reason":{"type":"string","enum":[\#(reasons)]},"source":{"type":"string","enum":[\#(sources)]}}},
      "Events":{"type":"object","required":["events"],"properties":{"events":{"type":"array","minItems":1,"items":{"$ref":"#/components/schemas/Event"}}}},
      "Event":{"type":"object","required":["eventId","eventType","userId"],"properties":{"eventId":{"type":"string","description":"Counts once an hour."},
      "eventType":{"type":"string","enum":["impression","click","view","add-to-cart","purchase"]},"userId":{"type":"string"},"itemId":{"type":"string"},
      "position":{"type":"integer"},"recommendationId":{"type":"string"},"sentAt":{"type":["string","integer"],"description":"A time, or Unix seconds."},
      "impression":{"type":"array","items":{"type":"string"},"description":"The items that were shown."}}},
      "EventCounts":{"type":"object","required":["accepted","duplicates","rejected"],"properties":{"accepted":{"type":"integer"},"duplicates":{"type":"integer"},
      "rejected":{"type":"array","items":{"type":"object","properties":{"index":{"type":"integer"},"reason":{"type":"string"}}}}}},
      "Problem":{"type":"object","required":["type","title","status","detail"],"description":"RFC 9457.","properties":{"type":{"type":"string"},"title":{"type":"string"},
      "status":{"type":"integer"},"detail":{"type":"string"},"errors":{"type":"array","items":{"type":"object","properties":{"pointer":{"type":"string"},
      "parameter":{"type":"string"},"header":{"type":"string"},"detail":{"type":"string"}}}}}}
      """#
  }

  private static let texts = #"{"oneOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]}"#
}
