import XMPPServer

/// Where a message says that files are: with an address beside the message (XEP-0066), or with what is known of the files
/// (XEP-0385, and XEP-0447, also for what is encrypted with XEP-0448).
struct FileMentions {
    private static let outOfBand: Namespace = "jabber:x:oob"
    private static let mediaSharing: Namespace = "urn:xmpp:sims:1"
    private static let fileSharing: Namespace = "urn:xmpp:sfs:0"
    private static let encryptedFile: Namespace = "urn:xmpp:esfs:0"
    private static let urlData: Namespace = "http://jabber.org/protocol/url-data"

    /// Those of the children of a message that may name files.
    static let namespaces = [outOfBand, .references, fileSharing]
    /// What is read of a message; more than any client sends.
    private static let most = 50
    private static let mostDepth = 8

    private(set) var addresses: [String] = []

    init(in message: Element) {
        for child in message.children {
            if child.isNamed("x", Self.outOfBand) {
                if let url = child.child("url", Self.outOfBand)?.text { add(url) }
            } else {
                look(in: child, depth: 1)
            }
        }
    }

    private mutating func look(in element: Element, depth: Int) {
        if element.isNamed("url-data", Self.urlData), let target = element["target"] { return add(target) }
        guard depth <= Self.mostDepth,
            [.references, Self.mediaSharing, Self.fileSharing, Self.encryptedFile].contains(where: element.isIn)
        else { return }
        if element.isNamed("reference", .references), let address = element["uri"] { add(address) }
        for child in element.children { look(in: child, depth: depth + 1) }
    }

    private mutating func add(_ address: String) {
        if addresses.count < Self.most { addresses.append(address) }
    }
}

extension Namespace {
    /// XEP-0372: References.
    static let references: Namespace = "urn:xmpp:reference:0"
}
