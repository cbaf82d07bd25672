// SPDX-License-Identifier: Apache-2.0 OR MIT
// Made by tools/poseidon.mjs from circomlib's constants. Do not edit: `make contracts-generate` makes it again.
pragma solidity 0.8.37;

import {IPoseidon} from "./IPoseidon.sol";

/// @title Poseidon over the scalar field of BN254, with circomlib's constants, for four and for five inputs
/// @notice Keeps no state and calls nothing. The rollup pins its code hash and tests its answers.
/// @dev Eight full and 60 partial rounds. The partial rounds run as a linear recurrence, derived in tools/poseidon.mjs:
///
///     y' = a·s + z1,   z_i' = f_i·s + b_i·y' + z_(i+1),   s = (y + c)^5
///
/// Additions are reduced only where a sum could pass 2^256, which is between 5·R and 6·R. Upper bounds, in multiples of R:
///
///              y   y + c   z1   z2   z3   z4   z5
///     hash4    4     5      3   1*    4    2         (* reduced)
///     hash5    2     3      1*   3    1*   4    2
contract Poseidon is IPoseidon {
    /// @dev Modulus of the scalar field.
    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    /// @inheritdoc IPoseidon
    /// @dev The assembly returns by itself and reads the input at its fixed place, which keeps two words off the stack.
    function hash4(uint256[4] calldata input) external pure returns (uint256) {
        for (uint256 i = 0; i < 4; ++i) {
            if (input[i] >= R) revert NotInField(input[i]);
        }
        assembly ("memory-safe") {
            let r := R
            let state := mload(0x40)
            let k := add(state, 160)
            mstore(k, 0x2eb4f99c69f966ebf8a42192de7ff61621c7bb47b93750c2b9ea08d18446c122)
            mstore(add(k, 32), 0x224a28e5a35385a7c5198169e405d9ea0fc7da8b93ee13b6d5f7d099e299520e)
            mstore(add(k, 64), 0x0f7411b465e600eed8afdd6afca49c3036f33ecbd9a0f97823796b993bbd82f7)
            mstore(add(k, 96), 0x0f9d0d5aad2c9555a2be7150392d8d9819b208ae3370f99a0626f9ff5d90e4e3)
            mstore(add(k, 128), 0x1e9a96dc8292bb596f52a59538d329229732b25259cf744b6a12d30702d6fba0)
            mstore(add(k, 160), 0x08780514ccd90380887d578c45555e593cfe52eab4b945c6c2cd4d528fb3fe3c)
            mstore(add(k, 192), 0x272498fced686c7ac8149fa3f73ef8c2ced64717e3556d5a59f119d629ccb5fc)
            mstore(add(k, 224), 0x01ef8f9dd7c93aac4b7cb80930bd06eb45bd350aff585f10e3d0ef8a782ef7df)
            mstore(add(k, 256), 0x045b9f59b6595e614dc08f222b469b138e886e64bf3c40aa97ea0ae754934d30)
            mstore(add(k, 288), 0x0ac1e91c57d9da919fd6f59d2a40ff8ea3e41e24e247a387adf2584295d61c66)
            mstore(add(k, 320), 0x028a1621a94054b0c7f9a421353cd89d0fd67061aee99979d12e68f04e62d134)
            mstore(add(k, 352), 0x26b41802c071ea4c9632647ed059236e50c19c3fb3c96d09d02aae2a0dcd9dbc)
            mstore(add(k, 384), 0x2fb5dda8072bb72cbaac2f63e468215e05c9de06758db6a94af34384aedb462b)
            mstore(add(k, 416), 0x2212d3a0f5fccaf244ff3547fd823249ad8ab8ba2a18d383dd05c56ee894d850)
            mstore(add(k, 448), 0x1b041ad5b2f0684258e4dfaeea09be56a3276fdb19f44c015cd0c7eed465e2e3)
            mstore(add(k, 480), 0x0a01776bb22f4b6b8eccff33e76fded3144fb7e3ac14e846a91e64afb1500eff)
            mstore(add(k, 512), 0x09d8db1e10531681407aaf525e01aecfbbb0a20ee68b595a72b78cc72ce6a73e)
            mstore(add(k, 544), 0x151efb27426ad51d3874abc4ce05faeb67758bb33760c644d8ab001b9941608b)
            mstore(add(k, 576), 0x2cf5a51438538da9d608292c8a4ba4baf6f356706d9bfad6b96aa9c5ef38faa4)
            mstore(add(k, 608), 0x14c074b8d3806789ee1642c41c4aa5ff2eb5e586aaf71676aede09c850cb3bbd)
            mstore(add(k, 640), 0x1434eed9fd6ccfb679cae98d38fba1b3b34156948b47e020568dbe0182543960)
            mstore(add(k, 672), 0x1a99e9ee433de4876d9cdf34d63216472288e9335e27e61c9f5d11b82e079ec7)
            mstore(add(k, 704), 0x1d58137fe94a35e78bd29b738c804f92bface4c6815a8b144ec25941d1ebde74)
            mstore(add(k, 736), 0x1bbefcec59b523c3fd35b2e3d323375b5a646afb65a0506f5d1ed45454e66016)
            mstore(add(k, 768), 0x05323a5b7e5aa659e91b7f75adb0583b3f959e034e0e5a410248b788d2fbf362)
            mstore(add(k, 800), 0x1e53285d3dbbb3a8d9a6d9791aa68cd402de6536b624c1f794bb7dd92d935dcc)
            mstore(add(k, 832), 0x07fb892ef8f0ed888c90336b5a0926fb34cb96d7368d288fb477826d651f82f2)
            mstore(add(k, 864), 0x0b515b464a837b928c030540ccd082861322cd4c56b5c112bb8efa6351402dec)
            mstore(add(k, 896), 0x2c6ad0c9cb1810417ed6abcb6a84a60608651a1d9e6f30d323a1a0edea71c902)
            mstore(add(k, 928), 0x12873d46d984c662165f19c232f05b381052b7d1f1ace004b4970f142c92c719)
            mstore(add(k, 960), 0x3017c866411ce594a6c4f2010a0653340ac2c9c6107b5ab43c9e84a7a68d0a0a)
            mstore(add(k, 992), 0x1ab3fc0f89372cee5ddb35a2ede99ca6e8172167c96a656cd72a683e3c4eee17)
            mstore(add(k, 1024), 0x20c3f011236970f8ec88afe462e3138d2eed726499e0c485de20eec8d1697f5b)
            mstore(add(k, 1056), 0x0298f303d47f472e0c5d0b410298320827b0a5ad8c66c5e6aa34de95669bbe1b)
            mstore(add(k, 1088), 0x208ac5eeacde932fb4302bc9f244899fe129d25234ab8cd22a836c5e71091424)
            mstore(add(k, 1120), 0x0f2ca813808c8469435d649edb0730ae33c2e86928cd086e4e33efd34950351e)
            mstore(add(k, 1152), 0x1520c64e5fb5c99a7b68e3e03cdbb90b2f59fe97898bc02cffa9de2e8e1da88c)
            mstore(add(k, 1184), 0x21a28ccdb1d042ec15fefbb498777aeb719b86be42f2608ec9bf4bc517b3cafc)
            mstore(add(k, 1216), 0x2cdae0355cdf1070275a3bdd9d7ab980dffdbb615a7ed86cd697c70a22a7cc05)
            mstore(add(k, 1248), 0x1d27a5e0293d22dcf7aaee1e6a67c3292f65e3480a4d9765c976b6c9be52b685)
            mstore(add(k, 1280), 0x2691be3ee1df97377a701b992d8eef4671272684a513b59d4cd36a09124b4a14)
            mstore(add(k, 1312), 0x146c4fa473f5428073fb5fa8cb65f1ac852c5f4402d185b25b999133056a6c2c)
            mstore(add(k, 1344), 0x00f5bdb573e15214433025064b3e17ff482eb98e28f55f2c634781e4de98b550)
            mstore(add(k, 1376), 0x2a238a6cb670408d1cf3482472eb7721f4f9b982853d7b33418a013e34daa266)
            mstore(add(k, 1408), 0x3019c8789ac42055c829293cada0a8fb56955dd7559e16c2f1c8e4024dc0ca2e)
            mstore(add(k, 1440), 0x2303beee75071614370ab3ec96b318a4b2c3ff4218417966ac656533023190df)
            mstore(add(k, 1472), 0x286aeec5c4030177d3b81814fbb0faa80fbee808e1206c0bded75dcbbb70aa85)
            mstore(add(k, 1504), 0x1587337ad03036c3b4d82f7cce42b8a7a5b8452e9d098954f29d08cd1f7864f3)
            mstore(add(k, 1536), 0x226c3b55657adacbc72c378cd9802aa4ff94298a6efcdc641a4da4530985ab9f)
            mstore(add(k, 1568), 0x255007cb4495b034ec1fbd8506ec2f26fa3f80ebcf3ec284a0f23147a5735166)
            mstore(add(k, 1600), 0x02d4133c9f09da5700555df45e8c82c87d1f4ec891b53bd0d9ebf21b6cce37e3)
            mstore(add(k, 1632), 0x109dba8937cbdfd914627fa0bba13a1508528cf4df56b0c07c23b51d09d127f6)
            mstore(add(k, 1664), 0x147936b3fd03ca1f1ddf9081c23ebad94bdd42c86c1c58316521b42f5482b23f)
            mstore(add(k, 1696), 0x1c31fbc9febc9ba157526d33fa411ebff9808868831bae843468de84d7e9331a)
            mstore(add(k, 1728), 0x18ecf5e6a035d1204fe5194b3c38fc00384fadd45acb9eef58b225642b491e05)
            mstore(add(k, 1760), 0x2fd1e44b644f4a07c9e30bb89885187683c3549e28774ad2ac080dc409be0b4a)
            mstore(add(k, 1792), 0x276339d9ad99aa77f8becf048f4512f96f4cf6948c3815d09ff6f3632eead0e2)
            mstore(add(k, 1824), 0x05ed1ff19f1a54e0d18bee962faab3a8f8f999f358514c7b3c50b1bc8f890a91)
            mstore(add(k, 1856), 0x23f7a8ce33fccf2f75395f46b1b2d6a51f72a62caea8b5aaa1f819db7a230b3c)
            mstore(add(k, 1888), 0x2767d9e8059193f2ecb8b77e12fe38dbd1430e43672a3b4ee73789c3b67d4233)
            mstore(add(k, 1920), 0x2805951a06db2531ad19fb97a85cfddc7654f1d663102e45742e4e13728550a4)
            mstore(add(k, 1952), 0x1edd84a843583eb4753d8670bf0cda7bbd690a54e756b231e040f0da20ba6b3c)
            mstore(add(k, 1984), 0x21cea290380518eef8f31162cf8624766526c28953fbc248301787c6a9bc082e)
            mstore(add(k, 2016), 0x041b116370212c62e6c621444681d5b37e8a8cd7027646a7a292d1bb2a8b884d)
            mstore(add(k, 2048), 0x01555fcdcf02d909cf1a95811bcd2c1823f1c24df281b1a16c68e789c6ed53ca)
            mstore(add(k, 2080), 0x1c06657b32ae9acf0a43176a46fc1d6b7a4cc3b66f3de49deb235694a89a93fd)
            mstore(add(k, 2112), 0x0d32adb776a343cf9b20a974fdc9e169cefec52aeaa4abcaeee770050b49cb13)
            mstore(add(k, 2144), 0x18ada57fba9608a3bbac607467d428f35da2d1c2a3055a20563fdffa845e362a)
            mstore(add(k, 2176), 0x0d3eba9b435e6ddd9ffb1e299ca3663cf14fe655f22866b1eef0e47f14fd271f)
            mstore(add(k, 2208), 0x02d000bc10e747aa5a27a1fb069f6f9680300001ddd7a74b94b86e89917f9259)
            mstore(add(k, 2240), 0x0d64bebe8571c4534fef423cde86c35b755bfb86e3110c6392ca4ed81d10f29b)
            mstore(add(k, 2272), 0x2dbbf275e85a4d0b6d0c7f95be54cbb86a0630bfc38c230cea833ca469729705)
            mstore(add(k, 2304), 0x260d6aa6f101e27922715e1ea1ab3b5ee9b2dcc2b1934f6233c97f6ce80e9119)
            mstore(add(k, 2336), 0x0d049af9615baa1daded16cc5bbdf17064cc6d134e2875c8da730c8875a371bf)
            mstore(add(k, 2368), 0x039e3bcd53336ceb3f3d1fbff42664a6a6c3a69d226e15d1afd921ee80f66cc0)
            mstore(add(k, 2400), 0x17c31ea02fbc378320d86ffed6c7ca1583b618c5c1a687818d4087a497d73490)
            mstore(add(k, 2432), 0x05b86c4bb8ef318b6a7227e4192d149d3c17a9764ccd660de4d50a77f192a91b)
            mstore(add(k, 2464), 0x265bc95df4a4c4876ff70d7ea2fde2c7ab15f4a6ae0d237cd6ce74ba986c7a7b)
            mstore(add(k, 2496), 0x24752b47bc6c6bc8d9bbe48f5fef2f6908701739c5f5b4b3d6c886d4715c7929)
            mstore(add(k, 2528), 0x14814a1e0f492a4ea0d86e527a96482178d624b98da96ee5e583b9324d974efe)
            mstore(add(k, 2560), 0x10def931073b6479bd60577378f29381997c8e041d3cfb3dc7523bca906f00bd)
            mstore(add(k, 2592), 0x14f7ae770bf7e95f7f706c0d8ab4ed03fa0b880d28c69d031b4592c98610175f)
            mstore(add(k, 2624), 0x1aef50a0cee751b59f926af40e8035d19decc9d428ebe4e775c5cc9dce1ce589)
            mstore(add(k, 2656), 0x041935607172f68eba65ca60068dfe3b086c2a2d57d09602951214b57e73cf5a)
            mstore(add(k, 2688), 0x26863e9dd24255d1573bd083959b856c0493fbefe83c819837a151d3bf452cb8)
            mstore(add(k, 2720), 0x2036efb6f9830965eb3d7a068bd087c9f5adf251ba62052c652738e63ff8b3af)
            mstore(add(k, 2752), 0x0c712a975b74dc9d766b639a029969ca30be4f75a753f854b00fa4f1b4f4ee9b)
            mstore(add(k, 2784), 0x08014dab3cd1667e27afc99bfac1e6807afdff6456492ca3375731d387539699)
            mstore(add(k, 2816), 0x198d07192db4fac2a82a4a79839d6a2b97c4dd4d37b4e8f3b53009f79b34e6a4)
            mstore(add(k, 2848), 0x29eb1de42a3ad381b23b4131426897a32709b29d53bb946dfd15784d1f63e572)
            // Round 0's constants; the capacity element is zero.
            mstore(state, 0x0eb544fee2815dda7f53e29ccac98ed7d889bb4ebd47c3864f3c2bd81a6da891)
            mstore(add(state, 32), add(calldataload(4), 0x0554d736315b8662f02fdba7dd737fbca197aeb12ea64713ba733f28475128cb))
            mstore(add(state, 64), add(calldataload(36), 0x2f83b9df259b2b68bcd748056307c37754907df0c0fb0035f5087c58d5e8c2d4))
            mstore(add(state, 96), add(calldataload(68), 0x2ca70e2e8d7f39a12447ac83052451b461f15f8b41a75ef31915208f5aba9683))
            mstore(add(state, 128), add(calldataload(100), 0x1cb5f9319be6a45e91b04d7222271c94994196f12ed22c5d4ec719cb83ecfea9))

            // One full round, then the next one's constants. Writes values below r.
            function full(words, constants, modulus) {
                let s0 := mload(words)
                {
                    let q := mulmod(s0, s0, modulus)
                    s0 := mulmod(mulmod(q, q, modulus), s0, modulus)
                }
                let s1 := mload(add(words, 32))
                {
                    let q := mulmod(s1, s1, modulus)
                    s1 := mulmod(mulmod(q, q, modulus), s1, modulus)
                }
                let s2 := mload(add(words, 64))
                {
                    let q := mulmod(s2, s2, modulus)
                    s2 := mulmod(mulmod(q, q, modulus), s2, modulus)
                }
                let s3 := mload(add(words, 96))
                {
                    let q := mulmod(s3, s3, modulus)
                    s3 := mulmod(mulmod(q, q, modulus), s3, modulus)
                }
                let s4 := mload(add(words, 128))
                {
                    let q := mulmod(s4, s4, modulus)
                    s4 := mulmod(mulmod(q, q, modulus), s4, modulus)
                }
                mstore(words, addmod(add(add(add(mulmod(s0, 0x251e7fdf99591080080b0af133b9e4369f22e57ace3cd7f64fc6fdbcf38d7da1, modulus), mulmod(s1, 0x25fb50b65acf4fb047cbd3b1c17d97c7fe26ea9ca238d6e348550486e91c7765, modulus)), mulmod(s2, 0x293d617d7da72102355f39ebf62f91b06deb5325f367a4556ea1e31ed5767833, modulus)), mulmod(s3, 0x104d0295ab00c85e960111ac25da474366599e575a9b7edf6145f14ba6d3c1c4, modulus)), add(mulmod(s4, 0x0aaa35e2c84baf117dea3e336cd96a39792b3813954fe9bf3ed5b90f2f69c977, modulus), mload(constants)), modulus))
                mstore(add(words, 32), addmod(add(add(add(mulmod(s0, 0x2a70b9f1d4bbccdbc03e17c1d1dcdb02052903dc6609ea6969f661b2eb74c839, modulus), mulmod(s1, 0x281154651c921e746315a9934f1b8a1bba9f92ad8ef4b979115b8e2e991ccd7a, modulus)), mulmod(s2, 0x28c2be2f8264f95f0b53c732134efa338ccd8fdb9ee2b45fb86a894f7db36c37, modulus)), mulmod(s3, 0x21888041e6febd546d427c890b1883bb9b626d8cb4dc18dcc4ec8fa75e530a13, modulus)), add(mulmod(s4, 0x14ddb5fada0171db80195b9592d8cf2be810930e3ea4574a350d65e2cbff4941, modulus), mload(add(constants, 32))), modulus))
                mstore(add(words, 64), addmod(add(add(add(mulmod(s0, 0x2f69a7198e1fbcc7dea43265306a37ed55b91bff652ad69aa4fa8478970d401d, modulus), mulmod(s1, 0x001c1edd62645b73ad931ab80e37bbb267ba312b34140e716d6a3747594d3052, modulus)), mulmod(s2, 0x15b98ce93e47bc64ce2f2c96c69663c439c40c603049466fa7f9a4b228bfc32b, modulus)), mulmod(s3, 0x12c7e2adfa524e5958f65be2fbac809fcba8458b28e44d9265051de33163cf9c, modulus)), add(mulmod(s4, 0x2efc2b90d688134849018222e7b8922eaf67ce79816ef468531ec2de53bbd167, modulus), mload(add(constants, 64))), modulus))
                mstore(add(words, 96), addmod(add(add(add(mulmod(s0, 0x0c3f050a6bf5af151981e55e3e1a29a13c3ffa4550bd2514f1afd6c5f721f830, modulus), mulmod(s1, 0x0dec54e6dbf75205fa75ba7992bd34f08b2efe2ecd424a73eda7784320a1a36e, modulus)), mulmod(s2, 0x1c482a25a729f5df20225815034b196098364a11f4d988fb7cc75cf32d8136fa, modulus)), mulmod(s3, 0x2625ce48a7b39a4252732624e4ab94360812ac2fc9a14a5fb8b607ae9fd8514a, modulus)), add(mulmod(s4, 0x07f017a7ebd56dd086f7cd4fd710c509ed7ef8e300b9a8bb9fb9f28af710251f, modulus), mload(add(constants, 96))), modulus))
                mstore(add(words, 128), addmod(add(add(add(mulmod(s0, 0x2a20e3a4a0e57d92f97c9d6186c6c3ea7c5e55c20146259be2f78c2ccc2e3595, modulus), mulmod(s1, 0x1049f8210566b51faafb1e9a5d63c0ee701673aed820d9c4403b01feb727a549, modulus)), mulmod(s2, 0x02ecac687ef5b4b568002bd9d1b96b4bef357a69e3e86b5561b9299b82d69c8e, modulus)), mulmod(s3, 0x2d3a1aea2e6d44466808f88c9ba903d3bdcb6b58ba40441ed4ebcf11bbe1e37b, modulus)), add(mulmod(s4, 0x14074bb14c982c81c9ad171e4f35fe49b39c4a7a72dbb6d9c98d803bfed65e64, modulus), mload(add(constants, 128))), modulus))
            }
            for { let end := add(k, 480) } lt(k, end) { k := add(k, 160) } {
                full(state, k, r)
            }

            // The last full round of the first half goes straight into the basis of the recurrence.
            {
                let s0 := mload(state)
                {
                    let q := mulmod(s0, s0, r)
                    s0 := mulmod(mulmod(q, q, r), s0, r)
                }
                let s1 := mload(add(state, 32))
                {
                    let q := mulmod(s1, s1, r)
                    s1 := mulmod(mulmod(q, q, r), s1, r)
                }
                let s2 := mload(add(state, 64))
                {
                    let q := mulmod(s2, s2, r)
                    s2 := mulmod(mulmod(q, q, r), s2, r)
                }
                let s3 := mload(add(state, 96))
                {
                    let q := mulmod(s3, s3, r)
                    s3 := mulmod(mulmod(q, q, r), s3, r)
                }
                let s4 := mload(add(state, 128))
                {
                    let q := mulmod(s4, s4, r)
                    s4 := mulmod(mulmod(q, q, r), s4, r)
                }
                mstore(state, addmod(add(add(add(mulmod(s0, 0x251e7fdf99591080080b0af133b9e4369f22e57ace3cd7f64fc6fdbcf38d7da1, r), mulmod(s1, 0x25fb50b65acf4fb047cbd3b1c17d97c7fe26ea9ca238d6e348550486e91c7765, r)), mulmod(s2, 0x293d617d7da72102355f39ebf62f91b06deb5325f367a4556ea1e31ed5767833, r)), mulmod(s3, 0x104d0295ab00c85e960111ac25da474366599e575a9b7edf6145f14ba6d3c1c4, r)), mulmod(s4, 0x0aaa35e2c84baf117dea3e336cd96a39792b3813954fe9bf3ed5b90f2f69c977, r), r))
                mstore(add(state, 32), addmod(add(add(add(mulmod(s0, 0x09fa487e7f5a0583903205ac467176e982991835de3fc7709778150adeff981e, r), mulmod(s1, 0x08bdd77a1b245ee80f095b15e69f499486228d259e027b114e1578730c12ecb5, r)), mulmod(s2, 0x27051769e1d35debbef78afd6f88fad906fcdb48e998f610387a8a90f5e817e5, r)), mulmod(s3, 0x27c48a2d2154910cf0cfd5d06bb3712c46be3482a7427aca337f03072840a35d, r)), mulmod(s4, 0x012eb22c968257f0affa5362a39bc5b4320476988b256e2ecbc57e92044df118, r), r))
                mstore(add(state, 64), addmod(add(add(add(mulmod(s0, 0x05165212b2b7a3d682b543e7bf8ee28f2052a745f92d8389cce30e45ebb3ba01, r), mulmod(s1, 0x2e28bd8f81b1eff7dabfcc956dd44162ca8c1f0499420bf080f275e59bfcc297, r)), mulmod(s2, 0x05c6fa4f8854fbd3c2dae9edcfaf8098d61e0e9f1590b3118987390e0aef723d, r)), mulmod(s3, 0x2f7e4159ecd771c61dfc2c8fd90309ea62fbb02584b08c043a618df77b2979af, r)), mulmod(s4, 0x2a744e7d2313c41b62589449c4c5ea94f21a456d2394bdb7659130e7febd38ff, r), r))
                mstore(add(state, 96), addmod(add(add(add(mulmod(s0, 0x13be2e849e96f3e0c545986d020d7162a30d006cde984ac35d80981faeb2c3fa, r), mulmod(s1, 0x0288c6ee5b9bfa834232d53dd642c31709d028f242cd0833ee779131d7adbd37, r)), mulmod(s2, 0x0a4db9c6bfa9aed775fdaca34147b5bbbfe6cf7c09f7cd33cf4f168e7466e8c0, r)), mulmod(s3, 0x0cc0ee47976b8899805be19d48b734baa2f6ab41490cc0632fc6aff59da022d8, r)), mulmod(s4, 0x0f3e3fcbc10fd30cd0bdf2e63cbb645253ed1d0158229a2c5b87f7a0aabe4cba, r), r))
                mstore(add(state, 128), addmod(add(add(add(mulmod(s0, 0x1fffe92691906acdf003f576862ef37065eb858c5c3ac5fbbc5dd6443e1ceb9a, r), mulmod(s1, 0x080203d39597da04a36b6a5ecfc78787435d4776db196f200b80db7aded37b40, r)), mulmod(s2, 0x134a880ae7478968193e572b06dcf0a082520a512f8f3de4ea148e094a9a2b00, r)), mulmod(s3, 0x10870503fe123ce15d3cc9484e7cb2765b9a12f6f02ebc98f01f2d2ad4008d16, r)), mulmod(s4, 0x0b0b48802c2824c315f1fb2b5b9418398a9be311a9683e62dca121576372d941, r), r))
            }
            {
                let y := mload(state)
                let z1 := mload(add(state, 32))
                let z2 := mload(add(state, 64))
                let z3 := mload(add(state, 96))
                let z4 := mload(add(state, 128))

                // 60 partial rounds, 4 a turn.
                for { let end := add(k, 1920) } lt(k, end) { k := add(k, 128) } {
                    {
                        let s := add(y, mload(k))
                        {
                            let q := mulmod(s, s, r)
                            s := mulmod(mulmod(q, q, r), s, r)
                        }
                        y := add(mulmod(s, 0x251e7fdf99591080080b0af133b9e4369f22e57ace3cd7f64fc6fdbcf38d7da1, r), z1)
                        z1 := add(add(mulmod(s, 0x0d1ecfc6e6ec39c56d953ff80bbbe31b5710aa74969d92b87beaf53de7935be3, r), mulmod(y, 0x172f5e628cc26149dcc488004690cfa55faac52708481fffb3d4cfa3808b4051, r)), z2)
                        z2 := addmod(add(mulmod(s, 0x0207da9637379529f714ecb391b8679e0e706aa377007317ef46da24e8f9124e, r), mulmod(y, 0x2c01b6282fad3d37bdc72033b4d8da10494ac283ec74d5e63d72dbe06b4037c6, r)), z3, r)
                        z3 := add(add(mulmod(s, 0x14f6ab2c6caef74572f821bb82c4bda12a302be5aeb91ad1562b97b09db427d8, r), mulmod(y, 0x2503f642cfcb5f06e1a18c68efca3c0672ed26edfc7e6e77513ba7a4c660ab53, r)), z4)
                        z4 := add(mulmod(s, 0x074019237db9fbc928e4fceaf52b9ffe45ead67eab8e238cb18878e6b20b8a6c, r), mulmod(y, 0x218796dd338868e7300732cf5d3925c74c1badd0a32d8b41b96e555ddfe27869, r))
                    }
                    {
                        let s := add(y, mload(add(k, 32)))
                        {
                            let q := mulmod(s, s, r)
                            s := mulmod(mulmod(q, q, r), s, r)
                        }
                        y := add(mulmod(s, 0x251e7fdf99591080080b0af133b9e4369f22e57ace3cd7f64fc6fdbcf38d7da1, r), z1)
                        z1 := add(add(mulmod(s, 0x0d1ecfc6e6ec39c56d953ff80bbbe31b5710aa74969d92b87beaf53de7935be3, r), mulmod(y, 0x172f5e628cc26149dcc488004690cfa55faac52708481fffb3d4cfa3808b4051, r)), z2)
                        z2 := addmod(add(mulmod(s, 0x0207da9637379529f714ecb391b8679e0e706aa377007317ef46da24e8f9124e, r), mulmod(y, 0x2c01b6282fad3d37bdc72033b4d8da10494ac283ec74d5e63d72dbe06b4037c6, r)), z3, r)
                        z3 := add(add(mulmod(s, 0x14f6ab2c6caef74572f821bb82c4bda12a302be5aeb91ad1562b97b09db427d8, r), mulmod(y, 0x2503f642cfcb5f06e1a18c68efca3c0672ed26edfc7e6e77513ba7a4c660ab53, r)), z4)
                        z4 := add(mulmod(s, 0x074019237db9fbc928e4fceaf52b9ffe45ead67eab8e238cb18878e6b20b8a6c, r), mulmod(y, 0x218796dd338868e7300732cf5d3925c74c1badd0a32d8b41b96e555ddfe27869, r))
                    }
                    {
                        let s := add(y, mload(add(k, 64)))
                        {
                            let q := mulmod(s, s, r)
                            s := mulmod(mulmod(q, q, r), s, r)
                        }
                        y := add(mulmod(s, 0x251e7fdf99591080080b0af133b9e4369f22e57ace3cd7f64fc6fdbcf38d7da1, r), z1)
                        z1 := add(add(mulmod(s, 0x0d1ecfc6e6ec39c56d953ff80bbbe31b5710aa74969d92b87beaf53de7935be3, r), mulmod(y, 0x172f5e628cc26149dcc488004690cfa55faac52708481fffb3d4cfa3808b4051, r)), z2)
                        z2 := addmod(add(mulmod(s, 0x0207da9637379529f714ecb391b8679e0e706aa377007317ef46da24e8f9124e, r), mulmod(y, 0x2c01b6282fad3d37bdc72033b4d8da10494ac283ec74d5e63d72dbe06b4037c6, r)), z3, r)
                        z3 := add(add(mulmod(s, 0x14f6ab2c6caef74572f821bb82c4bda12a302be5aeb91ad1562b97b09db427d8, r), mulmod(y, 0x2503f642cfcb5f06e1a18c68efca3c0672ed26edfc7e6e77513ba7a4c660ab53, r)), z4)
                        z4 := add(mulmod(s, 0x074019237db9fbc928e4fceaf52b9ffe45ead67eab8e238cb18878e6b20b8a6c, r), mulmod(y, 0x218796dd338868e7300732cf5d3925c74c1badd0a32d8b41b96e555ddfe27869, r))
                    }
                    {
                        let s := add(y, mload(add(k, 96)))
                        {
                            let q := mulmod(s, s, r)
                            s := mulmod(mulmod(q, q, r), s, r)
                        }
                        y := add(mulmod(s, 0x251e7fdf99591080080b0af133b9e4369f22e57ace3cd7f64fc6fdbcf38d7da1, r), z1)
                        z1 := add(add(mulmod(s, 0x0d1ecfc6e6ec39c56d953ff80bbbe31b5710aa74969d92b87beaf53de7935be3, r), mulmod(y, 0x172f5e628cc26149dcc488004690cfa55faac52708481fffb3d4cfa3808b4051, r)), z2)
                        z2 := addmod(add(mulmod(s, 0x0207da9637379529f714ecb391b8679e0e706aa377007317ef46da24e8f9124e, r), mulmod(y, 0x2c01b6282fad3d37bdc72033b4d8da10494ac283ec74d5e63d72dbe06b4037c6, r)), z3, r)
                        z3 := add(add(mulmod(s, 0x14f6ab2c6caef74572f821bb82c4bda12a302be5aeb91ad1562b97b09db427d8, r), mulmod(y, 0x2503f642cfcb5f06e1a18c68efca3c0672ed26edfc7e6e77513ba7a4c660ab53, r)), z4)
                        z4 := add(mulmod(s, 0x074019237db9fbc928e4fceaf52b9ffe45ead67eab8e238cb18878e6b20b8a6c, r), mulmod(y, 0x218796dd338868e7300732cf5d3925c74c1badd0a32d8b41b96e555ddfe27869, r))
                    }
                }

                // Back into Poseidon's basis, with the constants of the next full round.
                mstore(state, addmod(y, 0x125063ad821893043ac0a9607db015544523493016296da045a99638ec0d348d, r))
                mstore(add(state, 32), addmod(add(add(add(mulmod(z1, 0x2d707e874df90edfc5d3be6bb0a7f248a59bd97802d577f6e02f7e3edbff2260, r), mulmod(z2, 0x02eb4413c7cd427a38a61b1bf006e5840d7e160e38c27daeacd3477f34f251a6, r)), mulmod(z3, 0x1e9c55968b09ebc5d2a2da375d3ab895041772fc9ddf42e70accb367ffad163d, r)), mulmod(z4, 0x1f12303e4dd8134c80e541b3ee376b473431d852d368476d62ae591eb50c1fb4, r)), 0x1374d180cbdf06f3f1bf189d3a79cce15e519b369ee528594dcd87e7dd5d0dde, r))
                mstore(add(state, 64), addmod(add(add(add(mulmod(z1, 0x01f2d9f5b5fdee1801d13aaa606905eacc7e87c436465af59db5c340f6cde3d8, r), mulmod(z2, 0x2690b69b83b04b9bc1e75da7d77f0f8001bbb1d29936ccbbe91a7299d39361d3, r)), mulmod(z3, 0x2f207101f14cafb75383700d3d7d6ebb13549e655f1facf15327385a4644cda7, r)), mulmod(z4, 0x0fc40f22a7b7a774910c71bf287ff5b975a731ec30832d7591467e660b5cd588, r)), 0x2d950d8443ed86b476bbb8274c33e9dfd9e391e4b92d52a4d09b111076a9ea6f, r))
                mstore(add(state, 96), addmod(add(add(add(mulmod(z1, 0x073ec28b16fdc1927e5938d1edf08161cc6bfb783fae210446a5932954f92f5e, r), mulmod(z2, 0x113963e436b7f9dc1ed1e1399f7fa28745b026ed052ee66a894199b913866cf6, r)), mulmod(z3, 0x26d1f6ad1f8858afa873464578ceacb4ff11a9eeb46ab21332ebeec4d6246ee3, r)), mulmod(z4, 0x2bd6d392fb461e926f841d5530a743db2dd62b3b756ce1684f4b36bd79976ee5, r)), 0x031ca8713e84a4ff5523f892c05771dde5482834f4d806057bf4204c346efd19, r))
                mstore(add(state, 128), addmod(add(add(add(mulmod(z1, 0x05133b40257f30b65882a39e00f70240efe28e04048a97f4765b5f5383f3638d, r), mulmod(z2, 0x0d36529f1141d624fdc84bb847347c76b5b0c31ea9f846b17846bf14881c1f95, r)), mulmod(z3, 0x14618eec28c5f872102d4f71916b93eb975dafd0e6a2ed43316f2ae8ed6f262a, r)), mulmod(z4, 0x269911f3cc7a4c7fe1a845decaed9552c83d692017c3e50d04a870cd5afb4e13, r)), 0x1c922a706055402e2a7678c0348561bfd11117596de5e53796915f61ef6d347d, r))
            }
            for { let end := add(k, 480) } lt(k, end) { k := add(k, 160) } {
                full(state, k, r)
            }

            // Of the last round only element 0 is asked for.
            let s0 := mload(state)
            {
                let q := mulmod(s0, s0, r)
                s0 := mulmod(mulmod(q, q, r), s0, r)
            }
            let s1 := mload(add(state, 32))
            {
                let q := mulmod(s1, s1, r)
                s1 := mulmod(mulmod(q, q, r), s1, r)
            }
            let s2 := mload(add(state, 64))
            {
                let q := mulmod(s2, s2, r)
                s2 := mulmod(mulmod(q, q, r), s2, r)
            }
            let s3 := mload(add(state, 96))
            {
                let q := mulmod(s3, s3, r)
                s3 := mulmod(mulmod(q, q, r), s3, r)
            }
            let s4 := mload(add(state, 128))
            {
                let q := mulmod(s4, s4, r)
                s4 := mulmod(mulmod(q, q, r), s4, r)
            }
            mstore(state, addmod(add(add(add(mulmod(s0, 0x251e7fdf99591080080b0af133b9e4369f22e57ace3cd7f64fc6fdbcf38d7da1, r), mulmod(s1, 0x25fb50b65acf4fb047cbd3b1c17d97c7fe26ea9ca238d6e348550486e91c7765, r)), mulmod(s2, 0x293d617d7da72102355f39ebf62f91b06deb5325f367a4556ea1e31ed5767833, r)), mulmod(s3, 0x104d0295ab00c85e960111ac25da474366599e575a9b7edf6145f14ba6d3c1c4, r)), mulmod(s4, 0x0aaa35e2c84baf117dea3e336cd96a39792b3813954fe9bf3ed5b90f2f69c977, r), r))
            return(state, 32)
        }
    }

    /// @inheritdoc IPoseidon
    /// @dev The assembly returns by itself and reads the input at its fixed place, which keeps two words off the stack.
    function hash5(uint256[5] calldata input) external pure returns (uint256) {
        for (uint256 i = 0; i < 5; ++i) {
            if (input[i] >= R) revert NotInField(input[i]);
        }
        assembly ("memory-safe") {
            let r := R
            let state := mload(0x40)
            let k := add(state, 192)
            mstore(k, 0x1c2116e47e03a86bb11695b0a5f6dab6b9a460b1eb951ab01c259eca3fd47d51)
            mstore(add(k, 32), 0x2c18213489032e85a9c8cb8e9a65839bfaed13e57bc0fae49dbdaebf54f56f93)
            mstore(add(k, 64), 0x2ee8fed3d4d2c71a0429eafd8e5db1718f29e2227985fdf2ad8703c835b9e031)
            mstore(add(k, 96), 0x28c64d8f5ed7aac004c92029d9e9bf91ba9436d1cce94b9316d111c70a0c1714)
            mstore(add(k, 128), 0x18a01d9ffb747ae0de3e83c707f8b24f682c84f15abf571b34254a03478665e0)
            mstore(add(k, 160), 0x1c21d92bef197e73b234e4777b60db14e642a56cee71515d54e1ac71cde72bd3)
            mstore(add(k, 192), 0x0ad404ccbcb1e195897cb60c80981ebb9d66a6677dbbedad8b6455fe62d807b1)
            mstore(add(k, 224), 0x0a9b6de833064f93b6adb99af6c005945cb654cb7bd14c8b97af8b60cc1fb387)
            mstore(add(k, 256), 0x13129e3f930aed6d47690331ff09dc5160efa58ddce2c3e6180d45bec3aa3a6f)
            mstore(add(k, 288), 0x0d7a614c8991508ab1ce4895813bb1c82f18bf7bfc9e280ccca18079839387f1)
            mstore(add(k, 320), 0x0532f7ec36e30041b0486986875c913a49bddf2f5af5febe8c31f2f4094ffea5)
            mstore(add(k, 352), 0x06bbcb8e8e180201293e712f4950f1b0bbee808c9d64263c84d9d8ae155cb892)
            mstore(add(k, 384), 0x0f558a4db1a3ac07f61e2e6bee947f73586bf40f211ceb4f687ca5678a9dcb33)
            mstore(add(k, 416), 0x2be140a60b5b5f2f8edd78a818a969b20c643e419bcf0b577c24a0d0e7acfe98)
            mstore(add(k, 448), 0x1c49c4b9a9f09f7b9ad5f74ebacc710512b8e867bace27cb0dea06e89b96f631)
            mstore(add(k, 480), 0x170c1a732721b12cde7f33e476a39a1aa77a81c06e2eac503847b00d597652db)
            mstore(add(k, 512), 0x19c27d0e52f65ca34f4e31a068e49331c6bfc39d9241f9d4c302041615cf27f1)
            mstore(add(k, 544), 0x2f1bdc5254f9220c1a731fc5276964dab26b385fa40b6b04bed9960e2543ba08)
            mstore(add(k, 576), 0x05b42d2fbccbf4d39d2be9339cabe9d0dc6d921e855cd91154b639d28d4a1cf0)
            mstore(add(k, 608), 0x02a57ec597841b7af6bb2c15136d02dd3284ed95445ee5fb18c8c94c1fc12642)
            mstore(add(k, 640), 0x2a5e087184dfb25ba6d5627b5b72c73cb9642bd570af6e035486254077315cf8)
            mstore(add(k, 672), 0x20c1c5f8313fa7339a150138664988c27adc409527370e306cf1ac6638fc7ac2)
            mstore(add(k, 704), 0x2d54d9d5ac04f5130f017588029427f9d82e8a9a55cabaa64b8cf36071ba5298)
            mstore(add(k, 736), 0x1b48299e9aac042b5fe7a382730567759a9b4cba92f931b395c4c760b5376d67)
            mstore(add(k, 768), 0x13c5df8c934479d17316546f9a28447464c87a224935518830493e7c280679d9)
            mstore(add(k, 800), 0x2b6ed97d0659e356d7e3b026acb0c688cc27b260489196688d0cd5787af549db)
            mstore(add(k, 832), 0x100d549f7e69393a119e8d65d614d761b6e70fc29fc8bfd1a0fe536a962985ff)
            mstore(add(k, 864), 0x259ae53a9c98a3836dd45d757d3a728b65c898c32d4dabdd0079fe0134e70953)
            mstore(add(k, 896), 0x184658bef5899e86519c1645bbe06c712d3fbaaecdf5072d6eafb0653ba8ac5b)
            mstore(add(k, 928), 0x0d9b29ccd4f14175ca5aad76d44cd2b5d557f3199aadb650071b0aa6e80fd3eb)
            mstore(add(k, 960), 0x130233d86e2f179f5cdbaaf7b7e67bbfb24ed7b9572b8a45c90140bcf0d18caf)
            mstore(add(k, 992), 0x19301899b379d8648d56410e9a77e85c3ea7da3f276b424fbe301fdf6e924436)
            mstore(add(k, 1024), 0x18dc523eab2465bbee60aacf190f5dd5de09927aaf0f276a002fd9887fd4e047)
            mstore(add(k, 1056), 0x29f972bdb996981c25d4ac5743d81cf07b2be6a933148c5bfbb47ae73deaf213)
            mstore(add(k, 1088), 0x20b3a21dafb023941e2d39445a4c39e7fce2b7130b24e9abb64bff1c4b928dea)
            mstore(add(k, 1120), 0x0db5d6ef51635ebdb0a8d99240fe447399c7e7aace53be14c55699b18c870833)
            mstore(add(k, 1152), 0x0388351fc916a7f96871f2e78dac05d6dbc67b92fa92d5e4cc6042aaab2e3b78)
            mstore(add(k, 1184), 0x0dce204ff463be58372777ea1194ee74d54b0015119706810787acc52e8f58e0)
            mstore(add(k, 1216), 0x2e366c10c0e5096449960e8f0c4843ca8e3b35b64f0c4aa928e1d4adf1730d42)
            mstore(add(k, 1248), 0x14aa7a383350de3271e2cc2ce77d4070499786a2d0c2261afbb8762d7b575401)
            mstore(add(k, 1280), 0x253def0717c4a3046fbcfae38547107257ea7e6b7a060ed1990ae2b7c5d253b2)
            mstore(add(k, 1312), 0x08d522e9d831b5a1acc3f72c633798e4272dea3b1866b153381dab49040612e2)
            mstore(add(k, 1344), 0x29762c3acadf8ad7ebb4f1e6829bb5a934c601329f8e1d11f03c8c9469e4da32)
            mstore(add(k, 1376), 0x0cf0ff462256d7ac257d897ea858afd78311a899b1d8b7ffb2c56403e9f67c3f)
            mstore(add(k, 1408), 0x2d8bd5a193f01a6023e4d18dfa3f5583140282becd925b763fd874a6829bdc08)
            mstore(add(k, 1440), 0x105342c6d8ff2a2c89460046ceaffcf87e9edca08d55981091348b9735093265)
            mstore(add(k, 1472), 0x26e36ca28958b6be8db38d45a4be7f24724424ce515b8538ff5da1c0dbadccc5)
            mstore(add(k, 1504), 0x09df39a7947b44ae119139dcd929175be78185e664539c3b43c826f14e2e9bc7)
            mstore(add(k, 1536), 0x1f6840920d337ac2ebc04dbba388e9e95bdccfd90e26d9129b79612a24d96db7)
            mstore(add(k, 1568), 0x25c2790d7d94c1e2c71753d23e19818674648c435e50f1efb08c97364116226f)
            mstore(add(k, 1600), 0x129c19bc66372c6f050005b7f59df3f24d995a9700c1171e56148e8c890bc26c)
            mstore(add(k, 1632), 0x06302e0a9d3fee5b05e03d52d9f48df083261cdbac469165235a12b68d0120c6)
            mstore(add(k, 1664), 0x03f434c3ae6118516749f300c2057c304fa0b27953903ef7142c711e87c51540)
            mstore(add(k, 1696), 0x07759c05e52314d2ca911fbdf1cb2ce2bef47e496c77ad0c9826b2521949349d)
            mstore(add(k, 1728), 0x24a084e5fbbe3d9b7e003bb9ad177b01755ce7e5378a8b934b23eafe9c273f7b)
            mstore(add(k, 1760), 0x19bc6c8d09e10f91b1271effb722978063d58c5d7b7753beff806c14545aa206)
            mstore(add(k, 1792), 0x1df0cbb25ce3e97d538e75b7b7a71b2383f74622f8f40e0066898d9e383eda4a)
            mstore(add(k, 1824), 0x0ea9a19e365eddbc3f3be5389a70eb35364a003a83c87d60444603d2d9612b38)
            mstore(add(k, 1856), 0x00b3b601b74801b1c15f5d2df2d54db2eeae19e3a8abb8498ed2a086093e5357)
            mstore(add(k, 1888), 0x0ae15833e4f8b46b03201183501339a7c09a6a09a27ffc489c994b0df3768324)
            mstore(add(k, 1920), 0x0c4b91efcc1758392eb5566acc68ffad0d265eeb2f9004732d68e19e713b55f9)
            mstore(add(k, 1952), 0x2d16a37374a8f5387f56b0e0b0ed5462405fc6481c5b7397ac053bdbf033ba38)
            mstore(add(k, 1984), 0x20215f2e35364215a29a6a23c201efa57ef55797a7227935490e1f7b965dba4b)
            mstore(add(k, 2016), 0x1d363a2a4ba0c9c5910dab8aee6e153fc42be64f2e1ee20f1ecd55a94d5dce33)
            mstore(add(k, 2048), 0x0e39c4b9177d76efc777c30c50038a2b0e6aacf3f655a12f17d2e162e05e802c)
            mstore(add(k, 2080), 0x23eee395fc613a9edb2ca2aecbf6cb3d213f701395837d336053cb3540e714f3)
            mstore(add(k, 2112), 0x1cc34d4d6ff96c4904c17cf32e1adbecae22726c73ed4f9680b9da6205ecefd0)
            mstore(add(k, 2144), 0x0768a9f9b5dc3a9939b1c1209ac74f0520274b97fb689c864700c8b57d496a70)
            mstore(add(k, 2176), 0x2b6d8d1929ca88aefbd5347dff4937094138f407968cb90d13e54472e43354ed)
            mstore(add(k, 2208), 0x1b2e61b7ab48ece369f3d63e551b099e79afb01c52bd444ac899c19bdbd5e5e7)
            mstore(add(k, 2240), 0x18a9074b6fb9275e6168ba4b166a42d8cfacd46921db7ced5f2bc242b7cceedf)
            mstore(add(k, 2272), 0x2c69737d4c0c9edc94bb5133461d1237c83994fb6219497890d369bf159c432f)
            mstore(add(k, 2304), 0x27291b04a9d5ecd6fa18bdbb87b58a64cfb8c575d54f1ed469809807f3154bae)
            mstore(add(k, 2336), 0x185ab1c008c6d2fd5594860aa59fbec514f546a6e1a2aa3d561c8c1e5e19f721)
            mstore(add(k, 2368), 0x170ef28a1802bc5ce71537091d895989d26100d1e4086289fbd4e4f069462c9a)
            mstore(add(k, 2400), 0x0a581bc68219a9260302740cabbbdec06c946da5859cde180c68c83dca9f2613)
            mstore(add(k, 2432), 0x1af2fddfbc56f21ad21c7483070b8174bb3d0f383f3c2605d33a2d28eb7f6842)
            mstore(add(k, 2464), 0x0ddff45972431b0324203dded64f7aac309942b0cfce737f1502129a7d2e6401)
            mstore(add(k, 2496), 0x02174f49edb02d5154d2beca2dc92b9cc595383da1fde8f09e4b5ee3ea5a065e)
            mstore(add(k, 2528), 0x0f64891c2c8b020e46c3594cb758f0bddcdbd09bd0308816fb41734a869872c3)
            mstore(add(k, 2560), 0x192a84ca2f99d36991e2d2b1deff3989d1c156c239e10e9f56140e1854576067)
            mstore(add(k, 2592), 0x29dfcd7b63f05abf2753a8c341d6b7a60c6243b04c9a1b8b3320bba04a4d4787)
            mstore(add(k, 2624), 0x1ee27ad6b9b5a867733afc61a2b3e76a52ba3e4bd5e657ade91fc038819dba5b)
            mstore(add(k, 2656), 0x0ab4773f150c3f8ad3bc9538f43cec395a7e3731ae973fefeb623a09217e64c7)
            mstore(add(k, 2688), 0x13c352a02f595186202cb0b99fa58c5542ab67f9b6d3a0afd103deeff6d80f41)
            mstore(add(k, 2720), 0x2a97cf2c10c4bfbfd299f67c52a169f92c05b7dac56a41c4dd4fe87c8246ce14)
            mstore(add(k, 2752), 0x00becbb47042bd7f8c9f6bb422162d1aed089a28482f7fd16ab06a13285fe702)
            mstore(add(k, 2784), 0x008e44da21d738691b881757ef37ed29c5bd9f7a4450fcf53290a92cc2ca2176)
            mstore(add(k, 2816), 0x2b205a8b6d4b7063d931f3bb5d3464053843fe7fbe4b83c17883f86527882a18)
            mstore(add(k, 2848), 0x2d9e32a7c90556fe108d255ac01e75df338fcd63b2bf84c19280d427298863fc)
            mstore(add(k, 2880), 0x29a322a84c25bd2ddf6e2e4200228d95abd6349a02266ac1dbba520738ceca97)
            mstore(add(k, 2912), 0x0678c9bfc6f2df012f4fe55e33bb68ac14ced1df0d02152792089d046d828c43)
            mstore(add(k, 2944), 0x0faff3a5e7425794fe20a7e0eb615b8b1760394b7f2304286a3ae4009124db23)
            mstore(add(k, 2976), 0x1f8f5b611af9feb9cea86c084058120553e404103aee213f5a41d1d02541c0d3)
            mstore(add(k, 3008), 0x160875d8479602f96f40acc2d042ee52c1588b6a29de4284965a6dc6c930ea07)
            mstore(add(k, 3040), 0x16d87a5183a316a1d70afc951efe2cd667c77328fcfda458cbf5fe3045f46d9e)
            // Round 0's constants; the capacity element is zero.
            mstore(state, 0x1448614598e00f98e7ae7dea45fbd83bd968653ef8390cde2e86b706ad40c651)
            mstore(add(state, 32), add(calldataload(4), 0x0ab7b291388e5c9e43c0dc1f591fb83ecdb65022e1b70af43b8a7b40c1dff7c3))
            mstore(add(state, 64), add(calldataload(36), 0x2b7cbb217896f52c9a8c088e654af21e84cde754a3cef5b15c4d5466612d6adf))
            mstore(add(state, 96), add(calldataload(68), 0x2bc6b0ddbe1d701b6570428bdc1ca1bf0da59ff3bbbb95fc2bc71c0c6e67a65c))
            mstore(add(state, 128), add(calldataload(100), 0x123a55a31980384f3d20b2cecbc44ed60c38c11f7d20e9271efab9a905eefd3c))
            mstore(add(state, 160), add(calldataload(132), 0x037501cc8c9dc819309a769f4df098e588b01858bc8eb7e279e2883be9fb8c53))

            // One full round, then the next one's constants. Writes values below r.
            function full(words, constants, modulus) {
                let s0 := mload(words)
                {
                    let q := mulmod(s0, s0, modulus)
                    s0 := mulmod(mulmod(q, q, modulus), s0, modulus)
                }
                let s1 := mload(add(words, 32))
                {
                    let q := mulmod(s1, s1, modulus)
                    s1 := mulmod(mulmod(q, q, modulus), s1, modulus)
                }
                let s2 := mload(add(words, 64))
                {
                    let q := mulmod(s2, s2, modulus)
                    s2 := mulmod(mulmod(q, q, modulus), s2, modulus)
                }
                let s3 := mload(add(words, 96))
                {
                    let q := mulmod(s3, s3, modulus)
                    s3 := mulmod(mulmod(q, q, modulus), s3, modulus)
                }
                let s4 := mload(add(words, 128))
                {
                    let q := mulmod(s4, s4, modulus)
                    s4 := mulmod(mulmod(q, q, modulus), s4, modulus)
                }
                let s5 := mload(add(words, 160))
                {
                    let q := mulmod(s5, s5, modulus)
                    s5 := mulmod(mulmod(q, q, modulus), s5, modulus)
                }
                mstore(words, addmod(add(add(add(mulmod(s0, 0x124666f80561ed5916f2f070b1bd248c6d53f44d273d956a0c87b917692a4d18, modulus), mulmod(s1, 0x11924f02fd19b09255aaa1cf46ea0518e3d7bfeef47421609491011db0bd0b02, modulus)), mulmod(s2, 0x247fa7f022304a1994ff505456c2201ef9b717369498d3ffce446601ed9df845, modulus)), mulmod(s3, 0x03fd7b19ef2c861f22f77ff810f54e277bc94eb76c02d79d986be3dcdf051c3f, modulus)), add(add(mulmod(s4, 0x18bd41239c3e71579a677443ecffbd555a81eeeea69352a68b67c8563c0c2a06, modulus), mulmod(s5, 0x2d78c3a5d28de9ff35bf0a257635196e5730ca7f40493277078cd75da8b4ebdc, modulus)), mload(constants)), modulus))
                mstore(add(words, 32), addmod(add(add(add(mulmod(s0, 0x0a514a5c227f4cec95dfa029e8dd124c34895aa46bb27c0911f3780d5015540a, modulus), mulmod(s1, 0x192e16d17d956b257b85a652eefdf2ee09589eac5be80915775723d2cb1da06d, modulus)), mulmod(s2, 0x298ce0c1e3113bb935c7058e7772b533b1aa9db0c0926bdc8917e5605ca3ac10, modulus)), mulmod(s3, 0x094cb4e83621afd271e41bc71727f0158ebd612239ac9d698b17fe4be05b7fc8, modulus)), add(add(mulmod(s4, 0x03d880395be93c27d649af5fd142e76b33918cb8841d5a28173bd5cf7d328791, modulus), mulmod(s5, 0x28eeae6b5866ad68e443bbaf91680db7d7e2b3037e38fef61b42cbccffceca81, modulus)), mload(add(constants, 32))), modulus))
                mstore(add(words, 64), addmod(add(add(add(mulmod(s0, 0x278bb49a7b4e44aea46eb0f882cb692801a6e60fdd5b5c23c63cd65ccce4fe0a, modulus), mulmod(s1, 0x063edec1bed831f506af8db648d6fdea145345887e8bdcff109035a1d9b674d7, modulus)), mulmod(s2, 0x1baef1cb5509b526a42061fb53657f99b3232500e855192cbe8c940e068c475f, modulus)), mulmod(s3, 0x1324564ac7bdf9e22164e9858d7fa8e368b165eaea3daf4eb67ee59c0df2e5d4, modulus)), add(add(mulmod(s4, 0x005761b8c6aecb1a8ca4ea4dfc2c8376064a4a8004ceeda210a55240562ddc13, modulus), mulmod(s5, 0x10c9e283159d58cb4cb2e35fde83a3ba1fdc28002ed9963d2a99f186178a148d, modulus)), mload(add(constants, 64))), modulus))
                mstore(add(words, 96), addmod(add(add(add(mulmod(s0, 0x0c399e9f67aa40707a203feefb0b958bbdadcec5ca34901d253d026a2419f6a2, modulus), mulmod(s1, 0x083f0df3f1a0351d0330ec3ff602ca8cc353b7f6e762c7107184cd7b423449f6, modulus)), mulmod(s2, 0x1a6764d5943fc4a720b4c0a19fdb8c711984307287a58b9b5f9f5d58212cb263, modulus)), mulmod(s3, 0x011a63a26feabf87fa66bde66cc25a922c96382d76c6a7ff48f1537beaed683a, modulus)), add(add(mulmod(s4, 0x08ca7b64657c3548f32bef5b63ad24288a41c0b251099ad27f9434307e3e64d4, modulus), mulmod(s5, 0x01998270471e9361955446b0cdb8bea915ec0675f1cd648ddcb04303507a4489, modulus)), mload(add(constants, 96))), modulus))
                mstore(add(words, 128), addmod(add(add(add(mulmod(s0, 0x1d6b3d5f6ea369c26f825d2362933eaa31ea35ec0a77c1fbd9e01ca1523e4432, modulus), mulmod(s1, 0x119ef188bb3dd0d32306976c19941e8664be687e7a69692da27da215a6f06d40, modulus)), mulmod(s2, 0x2d9e0ab5c06893dfdfd03481381ba86b6e6292df5609d71f2c64b2d9a79f809e, modulus)), mulmod(s3, 0x25f16631bf77060f7ea34087c025bf135784319ef08cda2e31419ee0a529e658, modulus)), add(add(mulmod(s4, 0x144c7a11da5a7c5dabae3f33fbd03cad86d18bc594c79a497ecb9894edb554f1, modulus), mulmod(s5, 0x0f971162627723f3feadacb28b0c104cb8f74de508752fa8d7c0db2af13de8ee, modulus)), mload(add(constants, 128))), modulus))
                mstore(add(words, 160), addmod(add(add(add(mulmod(s0, 0x24be510095436206dd0abd0b0cbb95c883ab304aa52598b1a69306ec981a688d, modulus), mulmod(s1, 0x211610e2ad4a377426fadf7068b0c1a6c299a164c1c1a603eaed944870d0b9b9, modulus)), mulmod(s2, 0x15a67d981041b1f6f09f3f9ebefd864e779d3af08157786ac077505e50ec79fc, modulus)), mulmod(s3, 0x049327fa79d28c12a2c82406947f77f06775b0287468b3136877701dbe7c9598, modulus)), add(add(mulmod(s4, 0x230940dcc5232658ff9c29697a3fd416d170e8c998f1aa85dea0c42d79f951aa, modulus), mulmod(s5, 0x1b121c049cd1159e289007e0c9da9995cc4bab4c26fb888ec3972a8a2e656964, modulus)), mload(add(constants, 160))), modulus))
            }
            for { let end := add(k, 576) } lt(k, end) { k := add(k, 192) } {
                full(state, k, r)
            }

            // The last full round of the first half goes straight into the basis of the recurrence.
            {
                let s0 := mload(state)
                {
                    let q := mulmod(s0, s0, r)
                    s0 := mulmod(mulmod(q, q, r), s0, r)
                }
                let s1 := mload(add(state, 32))
                {
                    let q := mulmod(s1, s1, r)
                    s1 := mulmod(mulmod(q, q, r), s1, r)
                }
                let s2 := mload(add(state, 64))
                {
                    let q := mulmod(s2, s2, r)
                    s2 := mulmod(mulmod(q, q, r), s2, r)
                }
                let s3 := mload(add(state, 96))
                {
                    let q := mulmod(s3, s3, r)
                    s3 := mulmod(mulmod(q, q, r), s3, r)
                }
                let s4 := mload(add(state, 128))
                {
                    let q := mulmod(s4, s4, r)
                    s4 := mulmod(mulmod(q, q, r), s4, r)
                }
                let s5 := mload(add(state, 160))
                {
                    let q := mulmod(s5, s5, r)
                    s5 := mulmod(mulmod(q, q, r), s5, r)
                }
                mstore(state, addmod(add(add(add(mulmod(s0, 0x124666f80561ed5916f2f070b1bd248c6d53f44d273d956a0c87b917692a4d18, r), mulmod(s1, 0x11924f02fd19b09255aaa1cf46ea0518e3d7bfeef47421609491011db0bd0b02, r)), mulmod(s2, 0x247fa7f022304a1994ff505456c2201ef9b717369498d3ffce446601ed9df845, r)), mulmod(s3, 0x03fd7b19ef2c861f22f77ff810f54e277bc94eb76c02d79d986be3dcdf051c3f, r)), add(mulmod(s4, 0x18bd41239c3e71579a677443ecffbd555a81eeeea69352a68b67c8563c0c2a06, r), mulmod(s5, 0x2d78c3a5d28de9ff35bf0a257635196e5730ca7f40493277078cd75da8b4ebdc, r)), r))
                mstore(add(state, 32), addmod(add(add(add(mulmod(s0, 0x0888977f0006934b7480597c6322d466025ed4a4bf4514b504f6abf6950ccb50, r), mulmod(s1, 0x01e6a0e3d1f4ab1f57390c6b64457a22e7a9076f48931e9d654d2e035df9e683, r)), mulmod(s2, 0x1c3c321243e7ec15ec8775e8bd9e9bbeda4b437cf124fa16b894755db50e3840, r)), mulmod(s3, 0x15cee2d56b91b8fb00bdadbb1883a3e5d77e1a48fdb68781fd99ba090a2e58cc, r)), add(mulmod(s4, 0x15adee35833fffd47dd990899c7749776a30cbb0b1fb257d4e782ae61ab045c3, r), mulmod(s5, 0x300b7bbb5d733a31dc87540492a07e62796a54e1e24c2a737f540cf6afe51a7a, r)), r))
                mstore(add(state, 64), addmod(add(add(add(mulmod(s0, 0x29abefe912bda8005e870d46fff2096d43bf156b19bb3dda876a8ab7d08df0a3, r), mulmod(s1, 0x2ee20433a9909d1e666e4fb8909cd70fa0f5c78e2b7b1985e06c45db28e092bf, r)), mulmod(s2, 0x136f7bba9902ecf58284db43209f46549f0dd8accb7dbfe15eb4b0155bb2aea4, r)), mulmod(s3, 0x0315f3ec06df19073d6f93288f81ee28fe8bd7038d69c7bc8d0fa82973ac3456, r)), add(mulmod(s4, 0x240636e98f4f36235923622a2faf3b01692282ed82b58429919086520ccee77c, r), mulmod(s5, 0x17332352d9b239a7eb51369bf72037cb93e9f255a6827bdb31e704f0f9c40cd6, r)), r))
                mstore(add(state, 96), addmod(add(add(add(mulmod(s0, 0x15d96d9edf3f60a6517630eea5da336333e6083ce55bfb67db5bf9eb0bb547cf, r), mulmod(s1, 0x05f6ecc5ad9309790ff732ad085df0e94a39d74b390677669576cc0ff2d99b21, r)), mulmod(s2, 0x28c2d9059f4e278743fd9d5a52aa87704722f726e77815417ef1a3f3be5b0ccc, r)), mulmod(s3, 0x067ac9ff0db29c73eb452b08712425cb2b81209d4a67fc0cbfb57cee856d6f85, r)), add(mulmod(s4, 0x2657e99e31896453664039f6100bb0313bf56546722fce19b7791119f6d552ee, r), mulmod(s5, 0x2dd2f353b9826fc89b0465478e8017d912a759f53987a4f389c97c858beccaaf, r)), r))
                mstore(add(state, 128), addmod(add(add(add(mulmod(s0, 0x19fd7369a1cec25617d27c14912f4b47a65327df5f40f69964e2bbc38578bcd8, r), mulmod(s1, 0x0ccaa8f370c1aeacf62e01a78dbea41a9e9ad2bf7e75cea4f3943688323f3b22, r)), mulmod(s2, 0x13624d333521604acff6a07e92ab4c4e056a55f0b6963662b56f1a04b7159834, r)), mulmod(s3, 0x2084391a9c0020cab45e226daea00708a69b007efbfdb7bc4fe001a617bd6c74, r)), add(mulmod(s4, 0x008e2bb7011d91183e631f85ba2f09e2acd2047f1a19208834e47cb7221dcb67, r), mulmod(s5, 0x099ee0f76124e68e9c3c8b076df8f89359df61fe64074a9ee612c4aca0c41b70, r)), r))
                mstore(add(state, 160), addmod(add(add(add(mulmod(s0, 0x24fc59446c719fce095293450bb189449814283755821f2eb46c1e119d787c94, r), mulmod(s1, 0x15fd345132e785155c7f8cb42a4646d9d9a13056465e96333d06507ae63999ee, r)), mulmod(s2, 0x0ae2c1924d2fbcb9968b14351ac0e25585a6c23fb2c5f022c954d38d0b8d48e9, r)), mulmod(s3, 0x03ed0035fdd106450e7ce744f3919681808760fec8a6c1105d8eb59283992a62, r)), add(mulmod(s4, 0x277404872c855942b86629c1ed51ad83590b08d7f421b63d85eb1e8e5571927a, r), mulmod(s5, 0x1dcbbf863d211ca0b6be2dd9ab5ce1dd6dc55220b568c574e4fe0bd53a5eb1a1, r)), r))
            }
            {
                let y := mload(state)
                let z1 := mload(add(state, 32))
                let z2 := mload(add(state, 64))
                let z3 := mload(add(state, 96))
                let z4 := mload(add(state, 128))
                let z5 := mload(add(state, 160))

                // 60 partial rounds, 4 a turn.
                for { let end := add(k, 1920) } lt(k, end) { k := add(k, 128) } {
                    {
                        let s := add(y, mload(k))
                        {
                            let q := mulmod(s, s, r)
                            s := mulmod(mulmod(q, q, r), s, r)
                        }
                        y := add(mulmod(s, 0x124666f80561ed5916f2f070b1bd248c6d53f44d273d956a0c87b917692a4d18, r), z1)
                        z1 := addmod(add(mulmod(s, 0x1dd74960937a232f0ef9a54d237768b02b51d09ad00345f87cc43cde82b3f7c6, r), mulmod(y, 0x048d656ff752317c7daa81dc71cdf2a2ebc7625b83540bf73973e353f8b20e59, r)), z2, r)
                        z2 := add(add(mulmod(s, 0x2d430937a34b8e05706061bc4c2b3c6e52e33d53f66f88c1f3f17e724fd4897d, r), mulmod(y, 0x0aee0cb0c04f6f3154ccc3780f2d33159778d1242b86da2aea6bcfd6826b3231, r)), z3)
                        z3 := addmod(add(mulmod(s, 0x0c6d23a9b3c18dad10d7ddc1ac5ef4dc6a6a3920d2dadd3320361a615e28e61b, r), mulmod(y, 0x071ac0347528ff3a1cf815daea4daf474fa434ecdcf804c79793736dfe4724b4, r)), z4, r)
                        z4 := add(add(mulmod(s, 0x1df47577cd04c77c8ac9f19af4df17aa206ceb85cb048c0d67ecc3d1e64470a3, r), mulmod(y, 0x21b5a06b924325638c204d23ae36412555e5e130635ecec149c77c4b4837a30c, r)), z5)
                        z5 := add(mulmod(s, 0x0ef1cb2a98e71f1b25fdfb89090687c8862e6a560c930d2847c129b2762143a7, r), mulmod(y, 0x2af7059dfc198e0e980492115fd669de6858e9aa723d17cb62c043b2ce612e09, r))
                    }
                    {
                        let s := add(y, mload(add(k, 32)))
                        {
                            let q := mulmod(s, s, r)
                            s := mulmod(mulmod(q, q, r), s, r)
                        }
                        y := add(mulmod(s, 0x124666f80561ed5916f2f070b1bd248c6d53f44d273d956a0c87b917692a4d18, r), z1)
                        z1 := addmod(add(mulmod(s, 0x1dd74960937a232f0ef9a54d237768b02b51d09ad00345f87cc43cde82b3f7c6, r), mulmod(y, 0x048d656ff752317c7daa81dc71cdf2a2ebc7625b83540bf73973e353f8b20e59, r)), z2, r)
                        z2 := add(add(mulmod(s, 0x2d430937a34b8e05706061bc4c2b3c6e52e33d53f66f88c1f3f17e724fd4897d, r), mulmod(y, 0x0aee0cb0c04f6f3154ccc3780f2d33159778d1242b86da2aea6bcfd6826b3231, r)), z3)
                        z3 := addmod(add(mulmod(s, 0x0c6d23a9b3c18dad10d7ddc1ac5ef4dc6a6a3920d2dadd3320361a615e28e61b, r), mulmod(y, 0x071ac0347528ff3a1cf815daea4daf474fa434ecdcf804c79793736dfe4724b4, r)), z4, r)
                        z4 := add(add(mulmod(s, 0x1df47577cd04c77c8ac9f19af4df17aa206ceb85cb048c0d67ecc3d1e64470a3, r), mulmod(y, 0x21b5a06b924325638c204d23ae36412555e5e130635ecec149c77c4b4837a30c, r)), z5)
                        z5 := add(mulmod(s, 0x0ef1cb2a98e71f1b25fdfb89090687c8862e6a560c930d2847c129b2762143a7, r), mulmod(y, 0x2af7059dfc198e0e980492115fd669de6858e9aa723d17cb62c043b2ce612e09, r))
                    }
                    {
                        let s := add(y, mload(add(k, 64)))
                        {
                            let q := mulmod(s, s, r)
                            s := mulmod(mulmod(q, q, r), s, r)
                        }
                        y := add(mulmod(s, 0x124666f80561ed5916f2f070b1bd248c6d53f44d273d956a0c87b917692a4d18, r), z1)
                        z1 := addmod(add(mulmod(s, 0x1dd74960937a232f0ef9a54d237768b02b51d09ad00345f87cc43cde82b3f7c6, r), mulmod(y, 0x048d656ff752317c7daa81dc71cdf2a2ebc7625b83540bf73973e353f8b20e59, r)), z2, r)
                        z2 := add(add(mulmod(s, 0x2d430937a34b8e05706061bc4c2b3c6e52e33d53f66f88c1f3f17e724fd4897d, r), mulmod(y, 0x0aee0cb0c04f6f3154ccc3780f2d33159778d1242b86da2aea6bcfd6826b3231, r)), z3)
                        z3 := addmod(add(mulmod(s, 0x0c6d23a9b3c18dad10d7ddc1ac5ef4dc6a6a3920d2dadd3320361a615e28e61b, r), mulmod(y, 0x071ac0347528ff3a1cf815daea4daf474fa434ecdcf804c79793736dfe4724b4, r)), z4, r)
                        z4 := add(add(mulmod(s, 0x1df47577cd04c77c8ac9f19af4df17aa206ceb85cb048c0d67ecc3d1e64470a3, r), mulmod(y, 0x21b5a06b924325638c204d23ae36412555e5e130635ecec149c77c4b4837a30c, r)), z5)
                        z5 := add(mulmod(s, 0x0ef1cb2a98e71f1b25fdfb89090687c8862e6a560c930d2847c129b2762143a7, r), mulmod(y, 0x2af7059dfc198e0e980492115fd669de6858e9aa723d17cb62c043b2ce612e09, r))
                    }
                    {
                        let s := add(y, mload(add(k, 96)))
                        {
                            let q := mulmod(s, s, r)
                            s := mulmod(mulmod(q, q, r), s, r)
                        }
                        y := add(mulmod(s, 0x124666f80561ed5916f2f070b1bd248c6d53f44d273d956a0c87b917692a4d18, r), z1)
                        z1 := addmod(add(mulmod(s, 0x1dd74960937a232f0ef9a54d237768b02b51d09ad00345f87cc43cde82b3f7c6, r), mulmod(y, 0x048d656ff752317c7daa81dc71cdf2a2ebc7625b83540bf73973e353f8b20e59, r)), z2, r)
                        z2 := add(add(mulmod(s, 0x2d430937a34b8e05706061bc4c2b3c6e52e33d53f66f88c1f3f17e724fd4897d, r), mulmod(y, 0x0aee0cb0c04f6f3154ccc3780f2d33159778d1242b86da2aea6bcfd6826b3231, r)), z3)
                        z3 := addmod(add(mulmod(s, 0x0c6d23a9b3c18dad10d7ddc1ac5ef4dc6a6a3920d2dadd3320361a615e28e61b, r), mulmod(y, 0x071ac0347528ff3a1cf815daea4daf474fa434ecdcf804c79793736dfe4724b4, r)), z4, r)
                        z4 := add(add(mulmod(s, 0x1df47577cd04c77c8ac9f19af4df17aa206ceb85cb048c0d67ecc3d1e64470a3, r), mulmod(y, 0x21b5a06b924325638c204d23ae36412555e5e130635ecec149c77c4b4837a30c, r)), z5)
                        z5 := add(mulmod(s, 0x0ef1cb2a98e71f1b25fdfb89090687c8862e6a560c930d2847c129b2762143a7, r), mulmod(y, 0x2af7059dfc198e0e980492115fd669de6858e9aa723d17cb62c043b2ce612e09, r))
                    }
                }

                // Back into Poseidon's basis, with the constants of the next full round.
                mstore(state, addmod(y, 0x18e60bdf40bfa6c3f2f641cdedb1d125aa1bf48a1fc6ca29fc1fdcf77716aad1, r))
                mstore(add(state, 32), addmod(add(add(add(mulmod(z1, 0x038bf4a147a96c2d4a11ee53ae7dff556336ac1d94f425dafe8e5f7a3824055a, r), mulmod(z2, 0x119ad355b33078c1b7434ca3f7200f0e5e586b8bfd813cd1c9d75a7a2d4f8a5e, r)), mulmod(z3, 0x14985f6f7132ff64610b802482162e679b206be055dc6b35adeb9bfa2518c28e, r)), mulmod(z4, 0x01c192cc267fbcd57b3aa562ade517daeff4fb5744d8d1c7081a053f370aeb3a, r)), add(mulmod(z5, 0x14eba1cb0893db991adf09e4335799a06431d9511eadb5c3ce0611815b93057d, r), 0x20c23beb320a05d0caa84b45c69d5e6c74735bb753259bba9c44c2fb7bd8affa), r))
                mstore(add(state, 64), addmod(add(add(add(mulmod(z1, 0x14fc6d005ec4e7ebc7698f05559c690723d184eb27c065776a036494fda0248c, r), mulmod(z2, 0x092907be837cfbf232396ace390bb5139eb63b66ade326b44a7e9890107c7dca, r)), mulmod(z3, 0x2f5f1021ca468355762d7054ed95f20e13e1ca7f30ec0d5749f22c61a37f5c1d, r)), mulmod(z4, 0x2401d05c99e515be6097e5b6f8fcde2ec8d32353ad0497a5080f9dc6cc247175, r)), add(mulmod(z5, 0x0a03aa095a8b13967ccb34638045aa88cd290ff84d1a3602ff535d313f3d38dc, r), 0x0d62aaf2398fca2276abef4ce6c6aabc3b844541fe6b5c747218948a90bc2e2f), r))
                mstore(add(state, 96), addmod(add(add(add(mulmod(z1, 0x1a988de7436d85a4d7c6025a5af8743fc0a6f8eac6418ce0668daa4f90aa99d3, r), mulmod(z2, 0x10945fea56ab8250dc31f34fa19c512ab77efc468a74c2b2cfd855761f933ecf, r)), mulmod(z3, 0x1ec220677dab608a82c617f63d941b93ba010d85a22345a3dd70a71609613935, r)), mulmod(z4, 0x2ae187ce284d6a4977a28dba92a139638cfdfa6f752b5c214b47ebfd71b37b61, r)), add(mulmod(z5, 0x28034fdcb7dd524533cf87f2f0091fce5540baf4e587b41b8a85cc9503cfc30f, r), 0x2d63d89510e2b77228628132e7f7d33a5b5a4f5a9be8c35762ff8665d0d28a5a), r))
                mstore(add(state, 128), addmod(add(add(add(mulmod(z1, 0x2a0473c10ad6c3c58913cbaf35fc724dda9a195a9595824d4eee6753c325eb77, r), mulmod(z2, 0x093bf8b999d945348fef7ede11506e59750511e7bc93b9e2ddd8be3de7b35fa8, r)), mulmod(z3, 0x2de8477304961374ee88f457ae83376788f0688eccb19c2342df16297f9d1409, r)), mulmod(z4, 0x2c00eae51b1b6103e426f8b6052d1efe1b87e11f9584a7bc421a45db86df422e, r)), add(mulmod(z5, 0x13188dfd1203162cc566babbe0931e22f4dd78ea3c4a1cb9d25d0d06d96de75d, r), 0x0b95bf29f9682370c734ea3fac76dbf64b2ba70c0066cb7f0c31c0cc5571eb21), r))
                mstore(add(state, 160), addmod(add(add(add(mulmod(z1, 0x2c40136e54d1a2dae4eb809adf6d61e1722d0b29367e0b2bc3e536c2dfe02e5f, r), mulmod(z2, 0x1f368062ffbd7ca9b7932591ebf9f76d74767dc68c6d6dc14657a319d483793f, r)), mulmod(z3, 0x268d3bad99968e3510e549a1024b3199073ad02117af08218216e341fa691700, r)), mulmod(z4, 0x23cce09c1fc738253bd0a458b331d4a6950ffd02feb50e1f267cbd0e1720134f, r)), add(mulmod(z5, 0x212556774c4f183c622b310ba0010d8a17c5e3f73350704675ce69b3b331480e, r), 0x21d15a0578a1a4dad8cb44a77068cc48053a27d371f73e23d123dbf6ff17910f), r))
            }
            for { let end := add(k, 576) } lt(k, end) { k := add(k, 192) } {
                full(state, k, r)
            }

            // Of the last round only element 0 is asked for.
            let s0 := mload(state)
            {
                let q := mulmod(s0, s0, r)
                s0 := mulmod(mulmod(q, q, r), s0, r)
            }
            let s1 := mload(add(state, 32))
            {
                let q := mulmod(s1, s1, r)
                s1 := mulmod(mulmod(q, q, r), s1, r)
            }
            let s2 := mload(add(state, 64))
            {
                let q := mulmod(s2, s2, r)
                s2 := mulmod(mulmod(q, q, r), s2, r)
            }
            let s3 := mload(add(state, 96))
            {
                let q := mulmod(s3, s3, r)
                s3 := mulmod(mulmod(q, q, r), s3, r)
            }
            let s4 := mload(add(state, 128))
            {
                let q := mulmod(s4, s4, r)
                s4 := mulmod(mulmod(q, q, r), s4, r)
            }
            let s5 := mload(add(state, 160))
            {
                let q := mulmod(s5, s5, r)
                s5 := mulmod(mulmod(q, q, r), s5, r)
            }
            mstore(state, addmod(add(add(add(mulmod(s0, 0x124666f80561ed5916f2f070b1bd248c6d53f44d273d956a0c87b917692a4d18, r), mulmod(s1, 0x11924f02fd19b09255aaa1cf46ea0518e3d7bfeef47421609491011db0bd0b02, r)), mulmod(s2, 0x247fa7f022304a1994ff505456c2201ef9b717369498d3ffce446601ed9df845, r)), mulmod(s3, 0x03fd7b19ef2c861f22f77ff810f54e277bc94eb76c02d79d986be3dcdf051c3f, r)), add(mulmod(s4, 0x18bd41239c3e71579a677443ecffbd555a81eeeea69352a68b67c8563c0c2a06, r), mulmod(s5, 0x2d78c3a5d28de9ff35bf0a257635196e5730ca7f40493277078cd75da8b4ebdc, r)), r))
            return(state, 32)
        }
    }
}
