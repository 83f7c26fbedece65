"""The commit of a run: refs, snapshots, the index, work trees and isolation."""
