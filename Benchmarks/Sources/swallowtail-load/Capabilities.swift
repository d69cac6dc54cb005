import Crypto

/// What clients announce with their presence (XEP-0115): that they want to be told of nodes (XEP-0163 §4).
struct Capabilities {
    let presence: String
    private let description: String
    private static let node = "https://swallowtail.example/load"

    /// - Parameter nodes: of which they want to be told; none: they announce nothing.
    init(notified nodes: [String] = []) {
        let features =
            (["http://jabber.org/protocol/caps", "http://jabber.org/protocol/disco#info"]
            + nodes.map { "\($0)+notify" }).sorted()
        let verified = "client/pc//load<" + features.map { "\($0)<" }.joined()
        let hash = Base64Text.encode(Array(Insecure.SHA1.hash(data: Array(verified.utf8))))
        presence =
            nodes.isEmpty
            ? "<presence/>"
            : "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='\(Self.node)' ver='\(hash)'/>"
                + "</presence>"
        description =
            "<query xmlns='http://jabber.org/protocol/disco#info' node='\(Self.node)#\(hash)'>"
            + "<identity category='client' type='pc' name='load'/>"
            + features.map { "<feature var='\($0)'/>" }.joined() + "</query>"
    }

    /// What the result of a request contains.
    func answer(to request: ReceivedStanza) -> String {
        request.contains("http://jabber.org/protocol/disco#info") ? description : ""
    }
}
