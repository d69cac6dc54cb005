import Crypto
import XMPPServer

/// A hash by which a client tells what it can: of XEP-0115, or of XEP-0390.
struct CapabilityHash: Hashable, Sendable {
    enum Form: Hashable, Sendable {
        case xep0115
        case xep0390
    }

    private enum Function: String {
        case sha1 = "sha-1"
        case sha256 = "sha-256"
        case sha512 = "sha-512"

        func hash(_ bytes: [UInt8]) -> [UInt8] {
            switch self {
            case .sha1: Array(Insecure.SHA1.hash(data: bytes))
            case .sha256: Array(SHA256.hash(data: bytes))
            case .sha512: Array(SHA512.hash(data: bytes))
            }
        }
    }

    static let namespace0390: Namespace = "urn:xmpp:caps"
    private static let hashes: Namespace = "urn:xmpp:hashes:2"
    private static let maximumBytes = 512

    let form: Form
    /// The name of the hash function, as the client has written it.
    let function: String
    /// Base64.
    let value: String
    /// The node that the client answers for.
    let node: String

    static func == (one: CapabilityHash, other: CapabilityHash) -> Bool {
        one.form == other.form && one.function == other.function && one.value == other.value
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(form)
        hasher.combine(value)
    }

    /// What a client's presence says; nil: nothing, or nothing that can be relied on.
    init?(of presence: Element) {
        if let element = presence.child("c", Self.namespace0390) {
            for hash in element.children where hash.isNamed("hash", Self.hashes) {
                guard let function = hash["algo"], Function(rawValue: function) != nil,
                    hash.text.utf8.count <= Self.maximumBytes
                else { continue }
                (form, self.function, value) = (.xep0390, function, hash.text)
                node = "\(Self.namespace0390.name)#\(function).\(value)"
                return
            }
        }
        guard let element = presence.child("c", EntityCapabilities.namespace), let version = element["ver"],
            let node = element["node"], node.utf8.count + version.utf8.count <= Self.maximumBytes
        else { return nil }
        (form, value) = (.xep0115, version)
        // Before there were hashes, the version was one.
        function = element["hash"] ?? ""
        self.node = "\(node)#\(version)"
    }

    /// Whether it is that of this description, so that it can be relied on for other clients with the same hash.
    func isOf(_ description: Element) -> Bool {
        guard let function = Function(rawValue: function), let input = Self.input(description, form) else {
            return false
        }
        return Base64.encode(function.hash(input)) == value
    }

    /// What is hashed; nil: the description is none that a hash can stand for.
    private static func input(_ description: Element, _ form: Form) -> [UInt8]? {
        switch form {
        case .xep0115: input0115(description)
        case .xep0390: input0390(description)
        }
    }

    /// One form of XEP-0128.
    private struct Information {
        let fields: [(name: String, values: [String])]
        var type: String? { fields.first { $0.name == "FORM_TYPE" }?.values.first }

        init(_ form: Element) {
            fields = form.children.filter { $0.isNamed("field", .dataForms) }.map { field in
                (field["var"] ?? "", field.children.filter { $0.isNamed("value", .dataForms) }.map(\.text))
            }
        }
    }

    /// XEP-0115 §5.1, and what makes it ill-formed, §5.4: a `<` ends each line, and none may have one in it.
    private static func input0115(_ description: Element) -> [UInt8]? {
        var identities: [String] = []
        var features: [String] = []
        var forms: [(type: String, text: [String])] = []
        for child in description.children {
            if child.isNamed("identity", .discoInfo) {
                let parts = [child["category"], child["type"], child.attribute("lang", .xml), child["name"]]
                identities.append(parts.map { $0 ?? "" }.joined(separator: "/"))
            } else if child.isNamed("feature", .discoInfo) {
                features.append(child["var"] ?? "")
            } else if child.isNamed("x", .dataForms) {
                let form = Information(child)
                guard let type = form.type else { continue }
                var lines = [type]
                for field in form.fields.sorted(by: { isBefore($0.name, $1.name) }) where field.name != "FORM_TYPE" {
                    lines += [field.name] + field.values.sorted(by: isBefore)
                }
                forms.append((type, lines))
            }
        }
        guard Set(identities).count == identities.count, Set(features).count == features.count,
            Set(forms.map(\.type)).count == forms.count
        else { return nil }
        // Nothing tells the lists apart: a feature in the place of an identity, or of a form, has the same hash.
        let others = identities + forms.flatMap(\.text)
        guard !others.contains(where: { $0.hasSuffix(ClientCapabilities.suffix) }) else { return nil }
        let lines =
            identities.sorted(by: isBefore) + features.sorted(by: isBefore)
            + forms.sorted { isBefore($0.type, $1.type) }.flatMap(\.text)
        guard !lines.contains(where: { $0.utf8.contains(UInt8(ascii: "<")) }) else { return nil }
        return lines.flatMap { Array($0.utf8) + [UInt8(ascii: "<")] }
    }

    /// XEP-0390 §4.1.
    private static func input0390(_ description: Element) -> [UInt8]? {
        var identities: [[UInt8]] = []
        var features: [[UInt8]] = []
        var forms: [[UInt8]] = []
        for child in description.children {
            if child.isNamed("identity", .discoInfo) {
                let parts = [child["category"], child["type"], child.attribute("lang", .xml), child["name"]]
                identities.append(parts.flatMap { Array(($0 ?? "").utf8) + [0x1F] } + [0x1E])
            } else if child.isNamed("feature", .discoInfo) {
                features.append(Array((child["var"] ?? "").utf8) + [0x1F])
            } else if child.isNamed("x", .dataForms) {
                let form = Information(child)
                guard form.type != nil, !child.hasChild("reported", .dataForms), !child.hasChild("item", .dataForms)
                else { return nil }
                let fields = form.fields.map { field in
                    Array(field.name.utf8) + [0x1F] + joined(field.values.map { Array($0.utf8) + [0x1F] }) + [0x1E]
                }
                forms.append(joined(fields) + [0x1D])
            } else {
                return nil
            }
        }
        return joined(features) + [0x1C] + joined(identities) + [0x1C] + joined(forms) + [0x1C]
    }

    private static func joined(_ parts: [[UInt8]]) -> [UInt8] {
        parts.sorted { $0.lexicographicallyPrecedes($1) }.flatMap { $0 }
    }

    private static func isBefore(_ one: String, _ other: String) -> Bool {
        one.utf8.lexicographicallyPrecedes(other.utf8)
    }
}
