// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/// @dev A well-behaved ERC-20 that anybody can mint; the others change one habit of it.
contract Token {
    mapping(address => uint256) internal balances;
    mapping(address => mapping(address => uint256)) public allowance;
    uint8 public immutable decimals;

    event Transfer(address indexed from, address indexed to, uint256 amount);

    error Insufficient();

    constructor(uint8 decimals_) {
        decimals = decimals_;
    }

    function mint(address to, uint256 amount) external {
        balances[to] += amount;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function balanceOf(address owner) public view virtual returns (uint256) {
        return balances[owner];
    }

    function transfer(address to, uint256 amount) external virtual returns (bool) {
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external virtual returns (bool) {
        _spend(from, amount);
        _move(from, to, amount);
        return true;
    }

    function _spend(address from, uint256 amount) internal {
        if (allowance[from][msg.sender] < amount) revert Insufficient();
        allowance[from][msg.sender] -= amount;
    }

    function _move(address from, address to, uint256 amount) internal virtual {
        if (balances[from] < amount) revert Insufficient();
        balances[from] -= amount;
        balances[to] += amount;
        emit Transfer(from, to, amount);
    }
}

/// @dev Takes 1 % of what moves out of what arrives.
contract FeeOnTransferToken is Token(18) {
    function _move(address from, address to, uint256 amount) internal override {
        super._move(from, to, amount);
        balances[to] -= amount / 100;
    }
}

/// @dev Takes 1 % on top from the sender. Unsupported: paying out costs the contract more than it books.
contract SenderFeeToken is Token(18) {
    function _move(address from, address to, uint256 amount) internal override {
        super._move(from, to, amount);
        if (balances[from] < amount / 100) revert Insufficient();
        balances[from] -= amount / 100;
    }
}

/// @dev All balances can shrink and grow by themselves. Unsupported.
contract RebasingToken is Token(18) {
    uint256 public percent = 100;

    function rebase(uint256 percent_) external {
        percent = percent_;
    }

    function balanceOf(address owner) public view override returns (uint256) {
        return balances[owner] * percent / 100;
    }

    function _move(address from, address to, uint256 amount) internal override {
        super._move(from, to, amount * 100 / percent);
    }
}

/// @dev Says false and moves nothing.
contract FalseToken is Token(18) {
    function transfer(address, uint256) external pure override returns (bool) {
        return false;
    }

    function transferFrom(address, address, uint256) external pure override returns (bool) {
        return false;
    }
}

/// @dev Says true and moves nothing.
contract LyingToken is Token(18) {
    function transferFrom(address, address, uint256) external pure override returns (bool) {
        return true;
    }
}

/// @dev Refuses amounts of zero.
contract RevertOnZeroToken is Token(18) {
    function _move(address from, address to, uint256 amount) internal override {
        if (amount == 0) revert Insufficient();
        super._move(from, to, amount);
    }
}

/// @dev Refuses to move to or from a listed address.
contract BlacklistToken is Token(6) {
    mapping(address => bool) public listed;

    error Listed();

    function list(address account, bool value) external {
        listed[account] = value;
    }

    function _move(address from, address to, uint256 amount) internal override {
        if (listed[from] || listed[to]) revert Listed();
        super._move(from, to, amount);
    }
}

/// @dev Calls whoever sends and whoever receives, as ERC-777 does, before and after the balances change.
contract HookToken is Token(18) {
    mapping(address => address) public hookOf;

    function setHook(address hook) external {
        hookOf[msg.sender] = hook;
    }

    function _move(address from, address to, uint256 amount) internal override {
        if (hookOf[from] != address(0)) Hook(hookOf[from]).tokensToSend();
        super._move(from, to, amount);
        if (hookOf[to] != address(0)) Hook(hookOf[to]).tokensReceived();
        if (hookOf[from] != address(0)) Hook(hookOf[from]).tokensToSend();
    }
}

interface Hook {
    function tokensToSend() external;
    function tokensReceived() external;
}

/// @dev Returns 100 kB.
contract BombToken is Token(18) {
    function transfer(address to, uint256 amount) external override returns (bool) {
        _move(msg.sender, to, amount);
        assembly ("memory-safe") {
            let word := mload(0x40)
            mstore(word, 1)
            return(word, 100000)
        }
    }
}

/// @dev As USDT: the functions return nothing.
contract NoReturnToken {
    mapping(address => uint256) public balanceOf;

    error Insufficient();

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address, uint256) external {}

    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private {
        if (balanceOf[from] < amount) revert Insufficient();
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}
