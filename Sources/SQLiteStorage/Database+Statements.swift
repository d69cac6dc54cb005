import Foundation
import GRDB
import XMPP
import XMPPServer

extension Database {
    /// The prepared statement for the SQL text, cached per connection, with its arguments bound.
    func prepared(_ sql: String, _ arguments: StatementArguments = []) throws -> Statement {
        let statement = try cachedStatement(sql: sql)
        try statement.setArguments(arguments)
        return statement
    }

    /// Runs a statement without a result.
    func run(_ sql: String, _ arguments: StatementArguments = []) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }
}

extension Row {
    /// The bytes in the column; empty if it is NULL.
    func bytes(_ column: String) throws -> [UInt8] {
        try withUnsafeData(named: column) { data in data.map { Array($0) } ?? [] }
    }

    /// The JID in the column.
    func jid(_ column: String) throws -> JID {
        let text: String = self[column]
        guard let jid = JID(text) else {
            throw StorageError(.failed, "the column \(column) holds what is no JID")
        }
        return jid
    }

    /// The time in the column.
    func timestamp(_ column: String) -> Timestamp {
        Timestamp(milliseconds: self[column])
    }
}

extension JID {
    /// The text of owners and accounts in tables.
    var bareText: String { bare.string }
}
