// SPDX-License-Identifier: Apache-2.0
import QtQml

// A component with functions, of which others are made.
QtObject {
    function base() { return "base" }
}
