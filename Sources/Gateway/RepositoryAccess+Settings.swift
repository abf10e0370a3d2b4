import Configuration
import FoundationEssentials
import Publishing

extension RepositoryAccess {
  init(_ settings: Settings) {
    self.init()
    environment = ProcessInfo.processInfo.environment
  }
}
