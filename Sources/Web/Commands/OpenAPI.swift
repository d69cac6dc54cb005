import XMPPServer

/// The OpenAPI 3.1 description of commands, made from their declarations.
enum OpenAPI {
    /// The document of a site's commands.
    static func document(of commands: [Command], at site: WebSite) -> CommandValue {
        var paths: [String: CommandValue] = [:]
        for command in commands { paths["\(CommandAPI.path)/\(command.name)"] = .record(["post": operation(command)]) }
        return [
            "openapi": "3.1.1",
            "info": [
                "title": .text("\(Software.name) at \(site.host.domain)"), "version": .text(Software.version),
            ],
            "servers": [["url": .text("\(site.address)")]],
            "security": [["token": .list([])]],
            "paths": .record(paths),
            "components": [
                "securitySchemes": [
                    "token": [
                        "type": "http", "scheme": "bearer",
                        "description": "An access token of an administrator with the scope admin.",
                    ]
                ],
                "schemas": ["Failure": failure],
            ],
        ]
    }

    private static let failure: CommandValue = [
        "type": "object", "required": ["error", "message"],
        "properties": [
            "error": [
                "type": "string",
                "enum": ["invalid", "not-found", "conflict", "forbidden", "busy", "failed"],
            ],
            "message": ["type": "string"],
            "parameter": ["type": "string", "description": "The argument that is at fault."],
        ],
    ]

    private static func operation(_ command: Command) -> CommandValue {
        var properties: [String: CommandValue] = [:]
        var required: [CommandValue] = []
        for parameter in command.parameters {
            properties[parameter.name] = schema(parameter)
            if parameter.isRequired { required.append(.text(parameter.name)) }
        }
        let body: CommandValue = [
            "type": "object", "properties": .record(properties), "required": .list(required),
            "additionalProperties": false,
        ]
        return [
            "operationId": .text(command.name),
            "summary": .text(command.summary),
            "requestBody": ["required": true, "content": ["application/json": ["schema": body]]],
            "responses": [
                "200": [
                    "description": "It is done.",
                    "content": ["application/json": ["schema": schema(command.resultShape)]],
                ],
                "default": [
                    "description": "It is not done.",
                    "content": ["application/json": ["schema": ["$ref": "#/components/schemas/Failure"]]],
                ],
            ],
        ]
    }

    private static func schema(_ parameter: CommandParameter) -> CommandValue {
        var schema: [String: CommandValue] = ["description": .text(parameter.help), "type": "string"]
        switch parameter.kind {
        case .text, .account, .host: break
        case .secret: schema["writeOnly"] = true
        case .texts, .accounts:
            schema["type"] = "array"
            schema["items"] = ["type": "string"]
            if parameter.isRequired { schema["minItems"] = 1 }
        case .integer(let range):
            schema["type"] = "integer"
            schema["minimum"] = .integer(Int64(range.lowerBound))
            schema["maximum"] = .integer(Int64(range.upperBound))
        case .boolean: schema["type"] = "boolean"
        case .choice(let words): schema["enum"] = CommandValue(words)
        case .duration(let allowsNever):
            schema["examples"] = CommandValue(["7d", "12h"] + (allowsNever ? ["never"] : []))
        case .file: schema["contentEncoding"] = "base64"
        }
        if let standard = parameter.standard {
            switch parameter.kind {
            case .boolean: schema["default"] = .boolean(standard == "true")
            case .integer: schema["default"] = Int64(standard).map { .integer($0) } ?? .null
            default: schema["default"] = .text(standard)
            }
        }
        return .record(schema)
    }

    private static func schema(_ shape: CommandShape) -> CommandValue {
        switch shape {
        case .text: return ["type": "string"]
        case .address: return ["type": "string", "description": "An address, RFC 7622."]
        case .moment: return ["type": "string", "format": "date-time"]
        case .integer: return ["type": "integer"]
        case .boolean: return ["type": "boolean"]
        case .list(let element): return ["type": "array", "items": schema(element)]
        case .record(let members):
            let properties = members.map { ($0.name, schema($0.shape)) }
            return [
                "type": "object", "properties": .record(Dictionary(properties) { first, _ in first }),
                "required": CommandValue(members.filter { !$0.isOptional }.map(\.name)),
            ]
        }
    }
}
