import XMPPServer

/// The answer of service discovery for an address, XEP-0030 §3.1.
struct DiscoDescription: Equatable {
    private(set) var identities: [Registrar.Identity]
    private(set) var features: [String]
    private(set) var information: [Registrar.Information]

    init(
        _ identities: [Registrar.Identity], _ features: [Namespace], _ information: [Registrar.Information] = []
    ) {
        self.identities = identities
        self.features = features.map(\.name)
        self.information = information
    }

    /// The description of a host.
    init(of host: Host) {
        self.init(host.identities, host.features, host.information)
        delegate(host, ofAccounts: false)
    }

    /// The description of the accounts of a host.
    init(ofAccountsOf host: Host) {
        let identity = Registrar.Identity(category: "account", type: "registered")
        self.init([identity] + host.accountIdentities, [.discoInfo] + host.accountFeatures)
        delegate(host, ofAccounts: true)
    }

    /// Replaces what the host says about delegated namespaces by what their components say (XEP-0355 §5.2).
    private mutating func delegate(_ host: Host, ofAccounts: Bool) {
        guard host.configuration.components.contains(where: { !$0.delegations.isEmpty }) else { return }
        if !ofAccounts { features.append(Namespace.delegation.name) }
        for service in host.services {
            for delegation in service.delegations {
                let namespace = delegation.namespace
                features.removeAll { $0 == namespace || $0.hasPrefix("\(namespace)#") }
                information.removeAll { $0.type == namespace || $0.type.hasPrefix("\(namespace)#") }
                if let query = service.information(about: delegation, ofAccounts: ofAccounts) { add(query) }
            }
        }
    }

    private mutating func add(_ query: Element) {
        for child in query.children {
            if child.isNamed("identity", .discoInfo), let category = child["category"], let type = child["type"] {
                let identity = Registrar.Identity(category: category, type: type, name: child["name"])
                if !identities.contains(identity) { identities.append(identity) }
            } else if child.isNamed("feature", .discoInfo), let feature = child["var"] {
                if !features.contains(feature) { features.append(feature) }
            } else if child.isNamed("x", .dataForms), let form = Self.form(child) {
                information.append(form)
            }
        }
    }

    /// A form of XEP-0128.
    private static func form(_ element: Element) -> Registrar.Information? {
        var type: String?
        var fields: [Registrar.InformationField] = []
        for field in element.children where field.isNamed("field", .dataForms) {
            guard let name = field["var"] else { continue }
            let values = field.children.filter { $0.isNamed("value", .dataForms) }.map(\.text)
            if name == "FORM_TYPE" {
                type = values.first
            } else if let value = values.first, values.count == 1, field["type"] != "list-multi" {
                fields.append(.init(name, value))
            } else {
                fields.append(.init(name, values))
            }
        }
        return type.map { Registrar.Information(type: $0, fields: fields) }
    }

    func write(to writer: inout XMLWriter) {
        for identity in identities {
            writer.element(
                "identity", nil, ["category": identity.category, "type": identity.type, "name": identity.name])
        }
        for feature in features { writer.element("feature", nil, ["var": feature]) }
        // XEP-0128.
        for form in information {
            writer.element("x", .dataForms, ["type": "result"]) { writer in
                writer.element("field", nil, ["var": "FORM_TYPE", "type": "hidden"]) {
                    $0.element("value", text: form.type)
                }
                for field in form.fields {
                    writer.element("field", nil, ["var": field.name, "type": field.isList ? "list-multi" : nil]) {
                        writer in
                        for value in field.values { writer.element("value", text: value) }
                    }
                }
            }
        }
    }
}
