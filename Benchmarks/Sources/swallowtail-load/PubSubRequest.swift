/// Requests of XEP-0060, as text.
enum PubSubRequest {
    static let namespace = "http://jabber.org/protocol/pubsub"

    static func create(_ node: String, at service: String, id: String = "prepare") -> String {
        // Servers differ in how many items they keep unless they are told.
        request(
            service, id,
            "<create node='\(node)'/><configure><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>"
                + "<value>\(namespace)#node_config</value></field><field var='pubsub#max_items'><value>1000</value></field>"
                + "<field var='pubsub#persist_items'><value>1</value></field></x></configure>")
    }

    static func subscribe(_ jid: String, to node: String, at service: String) -> String {
        request(service, "prepare", "<subscribe node='\(node)' jid='\(jid)'/>")
    }

    /// - Parameter service: nil: the node is the account's own.
    static func publish(_ item: String, _ payload: String, to node: String, at service: String?, id: String) -> String {
        request(service, id, "<publish node='\(node)'><item id='\(item)'>\(payload)</item></publish>")
    }

    /// A page of a node's items, behind the last of the page before.
    static func items(of node: String, at service: String, page: Int, after last: String?, id: String) -> String {
        "<iq type='get' id='\(id)' to='\(service)'><pubsub xmlns='\(namespace)'><items node='\(node)'/>"
            + "\(set(page, last))</pubsub></iq>"
    }

    /// A page of the service's nodes, behind the last of the page before.
    static func nodes(of service: String, page: Int, after last: String?, id: String) -> String {
        "<iq type='get' id='\(id)' to='\(service)'><query xmlns='http://jabber.org/protocol/disco#items'>"
            + "\(set(page, last))</query></iq>"
    }

    private static func set(_ page: Int, _ last: String?) -> String {
        "<set xmlns='http://jabber.org/protocol/rsm'><max>\(page)</max>"
            + "\(last.map { "<after>\($0)</after>" } ?? "")</set>"
    }

    private static func request(_ service: String?, _ id: String, _ content: String) -> String {
        "<iq type='set' id='\(id)'\(service.map { " to='\($0)'" } ?? "")>"
            + "<pubsub xmlns='\(namespace)'>\(content)</pubsub></iq>"
    }
}
