import XMPPServer

/// A file that somebody has uploaded, without its bytes.
package struct UploadedFile: Sendable {
    /// What a file is uploaded for, XEP-0363 §5: how long it is kept depends on it.
    package enum Purpose: String, CaseIterable, Sendable {
        /// For a message.
        case message
        /// For a profile, such as a photo.
        case profile
        /// For a while that its owner has set.
        case ephemeral
        /// For as long as it is not removed.
        case permanent

        /// What a service announces that takes such files.
        var feature: Namespace {
            switch self {
            case .message: "urn:xmpp:http:upload:purpose:0#message"
            case .profile: "urn:xmpp:http:upload:purpose:0#profile"
            case .ephemeral: "urn:xmpp:http:upload:purpose:0#ephemeral"
            case .permanent: "urn:xmpp:http:upload:purpose:0#permanent"
            }
        }
    }

    package let id: FileID
    /// As its owner's client calls it.
    package let name: String
    /// In bytes.
    package let size: Int
    package internal(set) var type: ContentType
    package let purpose: Purpose
    package let createdAt: Timestamp
    /// From when on nobody gets it any more; nil: it stays.
    package let expiresAt: Timestamp?

    /// The last parts of its address: what follows the name of the service.
    package var path: String { "\(id)/\(Percent.encode(name))" }

    func isExpired(_ now: Timestamp) -> Bool { expiresAt.map { $0 <= now } ?? false }
}

extension UploadedFile: StoredValue {
    static let namespace: Namespace = "urn:swallowtail:upload"

    package init?(stored element: Element) {
        guard element.isNamed("file", Self.namespace), let id = element["id"].flatMap({ FileID($0) }),
            let name = element["name"], let size = element["size"].flatMap({ Int($0) }),
            let type = element["type"], let purpose = element["purpose"].flatMap(Purpose.init(rawValue:)),
            let createdAt = element["at"].flatMap({ Timestamp($0) })
        else { return nil }
        self.init(
            id: id, name: name, size: size, type: ContentType(stored: type), purpose: purpose, createdAt: createdAt,
            expiresAt: element["expires"].flatMap { Timestamp($0) })
    }

    package func write(to writer: inout XMLWriter) {
        writer.element(
            "file", Self.namespace,
            [
                "id": id.description, "name": name, "size": "\(size)", "type": type.description,
                "purpose": purpose.rawValue, "at": createdAt.xep0082, "expires": expiresAt?.xep0082,
            ])
    }
}

/// Whose a file is.
struct FileOwner: Sendable {
    /// A bare JID.
    let account: JID
    /// The file's, in bytes.
    let size: Int
}

extension FileOwner: StoredValue {
    init?(stored element: Element) {
        guard element.isNamed("owner", UploadedFile.namespace), let account = element["account"].flatMap({ JID($0) }),
            let size = element["size"].flatMap({ Int($0) })
        else { return nil }
        self.init(account: account, size: size)
    }

    func write(to writer: inout XMLWriter) {
        writer.element("owner", UploadedFile.namespace, ["account": account.string, "size": "\(size)"])
    }
}
