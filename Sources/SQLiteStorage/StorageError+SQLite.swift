import GRDB
import XMPPServer

extension StorageError {
    /// An SQLite error in terms of the storage protocol.
    init(_ error: any Error) {
        switch error {
        case let error as StorageError:
            self = error
        case let error as DatabaseError:
            self.init(Kind(error.extendedResultCode), "SQLite \(error.extendedResultCode): \(error.message ?? "")")
        default:
            self.init(.failed, "\(error)")
        }
    }
}

extension StorageError.Kind {
    fileprivate init(_ code: ResultCode) {
        switch code {
        case .SQLITE_CONSTRAINT_PRIMARYKEY, .SQLITE_CONSTRAINT_UNIQUE: self = .alreadyExists
        case .SQLITE_CONSTRAINT_FOREIGNKEY: self = .notFound
        case .SQLITE_INTERRUPT: self = .cancelled
        default: self = .failed
        }
    }
}
