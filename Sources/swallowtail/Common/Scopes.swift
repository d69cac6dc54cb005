import XMPPServer

/// The scopes of tokens and apps.
enum Scopes {
    /// The given scopes, if all are known.
    ///
    /// - Throws: `Failure` that names the unknown one, with a suggestion.
    static func known(_ scopes: [String], _ configuration: ServerConfiguration) throws -> [String] {
        let asked = configuration.hosts.flatMap(\.authentication.tokenScopes)
        let known = App.knownScopes + asked.filter { !App.knownScopes.contains($0) }
        if let unknown = scopes.first(where: { !known.contains($0) }) {
            let fix =
                nearestWord(to: unknown, among: known).map { "did you mean \"\($0)\"?" }
                ?? "there are \(known.joined(separator: ", "))"
            throw Failure("there is no scope \"\(unknown)\" — \(fix)")
        }
        return scopes
    }
}
